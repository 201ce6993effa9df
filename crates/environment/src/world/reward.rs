//! Every term of the reward, as in the table of the rules.

/// Paid to the team when the last battery is empty.
pub(crate) const ALL_BATTERIES_EMPTY: f64 = -100.0;
/// Cost of action 0, whether or not the robot could move.
pub(crate) const FORWARD: f64 = -0.1;
/// Cost of a turn.
pub(crate) const TURN: f64 = -0.05;
/// Cost of a move that another robot stopped.
pub(crate) const BLOCKED_BY_ROBOT: f64 = -0.5;
/// Charge below which [`low_battery`] is not zero.
pub(crate) const LOW_BATTERY: f64 = 30.0;

/// 10 per unit of threat, given in hundredths.
pub(crate) fn patrol(hundredths: u32) -> f64 {
    f64::from(hundredths) / 10.0
}

/// For an object of this age in steps.
pub(crate) fn object_removed(age: u32) -> f64 {
    match age {
        0..=5 => 20.0,
        6..=10 => 15.0,
        11..=20 => 10.0,
        21..=50 => 5.0,
        _ => 2.0,
    }
}

/// For a battery below 30, `distance` cells from the nearest station, on a grid with `side_sum` = W + H.
pub(crate) fn low_battery(battery: f64, distance: u32, side_sum: usize) -> f64 {
    let mut term = -0.2 * f64::from(distance) / side_sum as f64 * (1.0 - battery / LOW_BATTERY);
    if battery < 20.0 {
        term -= 0.5 * (20.0 - battery) / 20.0;
    }
    if battery < 10.0 {
        term -= (10.0 - battery) / 10.0;
    }
    term
}

/// For a robot that charges while the world waits; half when it is in need.
pub(crate) fn charging(battery: f64, mean_threat: f64) -> f64 {
    let cost = -0.1 * mean_threat;
    if battery < LOW_BATTERY { cost / 2.0 } else { cost }
}

/// For an increase of the coverage by `gained`, 0 to 1.
pub(crate) fn coverage(gained: f64) -> f64 {
    20.0 * gained
}

/// For the share of distinct cells among a robot's last ten.
pub(crate) fn diversity(distinct_share: f64) -> f64 {
    if distinct_share > 0.8 {
        2.0
    } else if distinct_share > 0.6 {
        1.0
    } else if distinct_share < 0.3 {
        -1.0
    } else {
        0.0
    }
}

/// For entering a cell that robots have now visited `visits` times.
pub(crate) fn exploration(visits: u32) -> f64 {
    match visits {
        0 | 1 => 5.0,
        2 | 3 => 1.0 / f64::from(visits),
        _ => -0.5,
    }
}
