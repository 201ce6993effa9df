//! The compact form of steps back into the table, from bytes that nobody has vouched for.

use super::MAX_ROWS;
use super::compact::HUNDREDTH;
use crate::error::{Error, Result};
use crate::schema::{self, compact::Part};
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Float32Array, PrimitiveArray, UInt8Array, UInt16Array,
    UInt32Array,
};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{Float32Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use contracts::events::Table;
use std::sync::Arc;

/// The parts that have come; the last one completes a batch.
#[derive(Default)]
pub(super) struct Parts {
    stretches: Option<RecordBatch>,
    teams: Option<RecordBatch>,
}

impl Parts {
    /// Takes a part in its schema; the steps, once all three are there.
    pub(super) fn take(&mut self, part: Part, batch: RecordBatch) -> Result<Option<RecordBatch>> {
        match (part, &self.stretches, &self.teams) {
            (Part::Stretches, None, None) => self.stretches = Some(batch),
            (Part::Teams, Some(_), None) => self.teams = Some(batch),
            (Part::Robots, Some(stretches), Some(teams)) => {
                let steps = Expansion::new(stretches, teams, &batch)?.steps()?;
                *self = Self::default();
                return Ok(Some(steps));
            }
            _ => return Err(Error::invalid(format!("the part `{}` is not where it belongs", part.token()))),
        }
        Ok(None)
    }

    /// # Errors
    /// `Invalid` when a part is missing.
    pub(super) fn finish(&self) -> Result<()> {
        match self.stretches {
            None => Ok(()),
            Some(_) => Err(Error::invalid("a part of the compact form is missing")),
        }
    }
}

struct Expansion<'a> {
    stretches: &'a RecordBatch,
    teams: &'a RecordBatch,
    robots: &'a RecordBatch,
    /// Steps and team size of each stretch.
    sizes: Vec<(usize, usize)>,
}

impl<'a> Expansion<'a> {
    /// Sizes that contradict each other or the limits are refused here.
    fn new(stretches: &'a RecordBatch, teams: &'a RecordBatch, robots: &'a RecordBatch) -> Result<Self> {
        let wrong = |what: &str| Error::invalid(format!("the compact form contradicts itself: {what}"));
        let (lengths, sizes) = (numbers::<UInt32Type>(stretches, 2)?, numbers::<UInt8Type>(stretches, 3)?);
        let sizes: Vec<(usize, usize)> =
            lengths.iter().zip(sizes).map(|(steps, robots)| (*steps as usize, usize::from(*robots))).collect();
        if sizes.iter().any(|(steps, robots)| *steps == 0 || *robots == 0 || *steps > MAX_ROWS) {
            return Err(wrong("a stretch without rows"));
        }
        let steps: usize = sizes.iter().map(|(steps, _)| steps).sum();
        let rows: usize = sizes.iter().map(|(steps, robots)| steps * robots).sum();
        if (steps, rows) != (teams.num_rows(), robots.num_rows()) {
            return Err(wrong("stretches, teams and robots have different numbers of rows"));
        }
        let firsts = numbers::<UInt32Type>(stretches, 1)?;
        if firsts.iter().zip(&sizes).any(|(first, (steps, _))| first.checked_add(*steps as u32).is_none()) {
            return Err(wrong("a step beyond all numbers"));
        }
        Ok(Self { stretches, teams, robots, sizes })
    }

    fn steps(&self) -> Result<RecordBatch> {
        let decisions = numbers::<UInt8Type>(self.robots, 2)?;
        let bits = |shift: u32, mask: u8| -> ArrayRef {
            Arc::new(UInt8Array::from_iter_values(decisions.iter().map(|it| it >> shift & mask)))
        };
        let hundredths = numbers::<UInt16Type>(self.robots, 9)?.iter();
        let firsts = numbers::<UInt32Type>(self.stretches, 1)?;
        let ends = numbers::<UInt8Type>(self.stretches, 4)?;
        if ends.iter().any(|end| ![0, 1, 3].contains(end)) {
            return Err(Error::invalid("`end` is 0, 1 or 3"));
        }
        let last_step = |row: usize| self.sizes[row].0 - 1;
        let columns: Vec<ArrayRef> = vec![
            self.per_stretch::<UInt64Type>(0)?,
            Arc::new(UInt32Array::from(self.per_row(|stretch, step, _| firsts[stretch] + step as u32))),
            Arc::new(UInt8Array::from(self.per_row(|_, _, robot| robot as u8))),
            self.robots.column(0).clone(),
            self.robots.column(1).clone(),
            bits(0, 0b11),
            bits(2, 0b11),
            bits(4, 0b1111),
            self.robots.column(3).clone(),
            self.robots.column(4).clone(),
            self.per_team::<Float32Type>(0)?,
            self.battery()?,
            self.robots.column(6).clone(),
            self.robots.column(7).clone(),
            Arc::new(UInt16Array::from_iter_values(
                numbers::<UInt8Type>(self.robots, 8)?.iter().map(|it| u16::from(*it)),
            )),
            Arc::new(Float32Array::from_iter_values(hundredths.map(|it| f32::from(*it) * HUNDREDTH))),
            self.per_team::<Float32Type>(1)?,
            self.flags(|stretch, step| firsts[stretch] == 0 && step == 0),
            self.flags(|stretch, step| ends[stretch] & 1 != 0 && step == last_step(stretch)),
            self.flags(|stretch, step| ends[stretch] & 2 != 0 && step == last_step(stretch)),
            self.per_stretch::<UInt32Type>(6)?,
            self.per_team::<UInt64Type>(2)?,
        ];
        RecordBatch::try_new(schema::schema(Table::Steps), columns)
            .map_err(|error| Error::invalid(format!("the compact form cannot be expanded: {error}")))
    }

    /// A value for each row, by stretch, step of the stretch and robot.
    fn per_row<T>(&self, value: impl Fn(usize, usize, usize) -> T) -> Vec<T> {
        let mut values = Vec::with_capacity(self.robots.num_rows());
        for (stretch, (steps, robots)) in self.sizes.iter().enumerate() {
            match robots {
                1 => values.extend((0..*steps).map(|step| value(stretch, step, 0))),
                _ => (0..*steps).for_each(|step| values.extend((0..*robots).map(|robot| value(stretch, step, robot)))),
            }
        }
        values
    }

    /// A flag per step, false but at the first and the last step of a stretch.
    fn flags(&self, value: impl Fn(usize, usize) -> bool) -> ArrayRef {
        let mut flags = arrow::array::BooleanBufferBuilder::new(self.robots.num_rows());
        for (stretch, (steps, robots)) in self.sizes.iter().enumerate() {
            flags.append_n(*robots, value(stretch, 0));
            if *steps > 1 {
                flags.append_n((steps - 2) * robots, false);
                flags.append_n(*robots, value(stretch, steps - 1));
            }
        }
        let flags: BooleanBuffer = flags.finish();
        Arc::new(BooleanArray::new(flags, None))
    }

    fn per_team<P: ArrowPrimitiveType>(&self, column: usize) -> Result<ArrayRef> {
        if self.sizes.iter().all(|(_, robots)| *robots == 1) {
            return Ok(self.teams.column(column).clone());
        }
        let values = numbers::<P>(self.teams, column)?;
        let sizes = self.sizes.iter().flat_map(|(steps, robots)| std::iter::repeat_n(*robots, *steps));
        let mut spread = Vec::with_capacity(self.robots.num_rows());
        values.iter().zip(sizes).for_each(|(value, robots)| spread.extend(std::iter::repeat_n(*value, robots)));
        Ok(Arc::new(PrimitiveArray::<P>::new(spread.into(), None)))
    }

    /// The value of each stretch in all its rows; null in all if it is null in any.
    fn per_stretch<P: ArrowPrimitiveType>(&self, column: usize) -> Result<ArrayRef> {
        let values = self.stretches.column(column);
        if values.null_count() > 0 {
            return Ok(arrow::array::new_null_array(values.data_type(), self.robots.num_rows()));
        }
        let values = numbers::<P>(self.stretches, column)?;
        let mut spread = Vec::with_capacity(self.robots.num_rows());
        for (value, (steps, robots)) in values.iter().zip(&self.sizes) {
            spread.extend(std::iter::repeat_n(*value, steps * robots));
        }
        Ok(Arc::new(PrimitiveArray::<P>::new(spread.into(), None)))
    }

    fn battery(&self) -> Result<ArrayRef> {
        let of_robots = self.robots.column(5);
        match of_robots.null_count() {
            0 => Ok(of_robots.clone()),
            all if all == of_robots.len() => self.per_stretch::<Float32Type>(5),
            _ => Err(Error::invalid("`battery` is null for some robots only")),
        }
    }
}

fn numbers<P: ArrowPrimitiveType>(batch: &RecordBatch, column: usize) -> Result<&[P::Native]> {
    let array = batch.columns().get(column).and_then(|column| column.as_primitive_opt::<P>());
    array.map(|array| &array.values()[..]).ok_or_else(|| Error::invalid("a column of the compact form is missing"))
}
