//! What a robot can do and where it can look.

/// A robot's action; the discriminants are those of the archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Action {
    /// One cell ahead.
    Forward = 0,
    /// A quarter turn to the left.
    TurnLeft = 1,
    /// A quarter turn to the right.
    TurnRight = 2,
    /// Clear the threat around; "stay" if robots patrol in every step.
    #[default]
    Patrol = 3,
}

impl Action {
    /// Number of actions: the width of a policy's output.
    pub const COUNT: usize = 4;
    /// All actions, in the order of their numbers.
    pub const ALL: [Action; Action::COUNT] = [Action::Forward, Action::TurnLeft, Action::TurnRight, Action::Patrol];

    /// The action with this number, if there is one.
    pub const fn from_index(index: u8) -> Option<Self> {
        match index {
            0 => Some(Action::Forward),
            1 => Some(Action::TurnLeft),
            2 => Some(Action::TurnRight),
            3 => Some(Action::Patrol),
            _ => None,
        }
    }

    /// Quarter turns clockwise.
    pub(crate) const fn turns(self) -> u8 {
        [0, 3, 1, 0][self as usize]
    }

    /// The action's bit in an [`ActionMask`].
    pub const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Allowed actions, bit `i` for action `i`; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ActionMask(pub u8);

impl ActionMask {
    /// Every action.
    pub const ALL: ActionMask = ActionMask(0b1111);

    /// Whether `action` is allowed.
    pub const fn allows(self, action: Action) -> bool {
        self.0 & action.bit() != 0
    }
}

/// Where a robot faces; the discriminants are those of the archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Heading {
    /// Towards y − 1.
    #[default]
    North = 0,
    /// Towards x + 1.
    East = 1,
    /// Towards y + 1.
    South = 2,
    /// Towards x − 1.
    West = 3,
}

impl Heading {
    /// All headings, clockwise from north.
    pub const ALL: [Heading; 4] = [Heading::North, Heading::East, Heading::South, Heading::West];

    /// The step (dx, dy) of one move forward.
    pub const fn delta(self) -> (i32, i32) {
        [(0, -1), (1, 0), (0, 1), (-1, 0)][self as usize]
    }

    /// A quarter turn anticlockwise.
    pub const fn left(self) -> Self {
        Heading::ALL[(self as usize + 3) & 3]
    }

    /// A quarter turn clockwise.
    pub const fn right(self) -> Self {
        Heading::ALL[(self as usize + 1) & 3]
    }

    /// Where a robot that looks there faces after an action.
    pub(crate) const fn after(self, action: Action) -> Self {
        Heading::ALL[(self as usize + action.turns() as usize) & 3]
    }

    /// The heading with this number, if there is one.
    pub const fn from_index(index: u8) -> Option<Self> {
        if index < 4 { Some(Heading::ALL[index as usize]) } else { None }
    }
}
