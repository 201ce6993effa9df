//! What a remote actor sends to its learner: one Arrow IPC stream with one batch, a row per robot-step in the order
//! (step, environment, robot). The learner plays the actions again, so nothing else of the world travels.

use crate::error::{Error, Result, arrow};
use crate::segment::{MAX_ROWS, decode_batch};
use arrow::array::{Array, ArrayRef, AsArray, Float32Array, UInt8Array};
use arrow::datatypes::{DataType, Field, Float32Type, Schema, SchemaRef, UInt8Type};
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;

/// The columns of one segment, and what it answers.
#[derive(Clone, Debug, PartialEq)]
pub struct ActorChoices {
    /// The lease that it was played under.
    pub lease: u64,
    /// 16 hexadecimal digits.
    pub digest: String,
    pub actions: Vec<u8>,
    /// ln π(action), nats.
    pub log_probs: Vec<f32>,
    /// V(observation), in scaled reward.
    pub values: Vec<f32>,
    /// V(final observation) where the time limit cut an episode, else 0.
    pub final_values: Vec<f32>,
    /// V after the last step, (environment, robot): as many as the last step has rows.
    pub next_values: Vec<f32>,
}

const LEASE: &str = "patrol.lease";
const DIGEST: &str = "patrol.digest";

impl ActorChoices {
    /// # Errors
    /// When the columns do not have the same length.
    pub fn encode(&self) -> Result<Bytes> {
        let (rows, last) = (self.actions.len(), self.next_values.len());
        let none = rows.checked_sub(last).ok_or_else(|| Error::invalid("more robots than robot-steps"))?;
        let next = std::iter::repeat_n(None, none).chain(self.next_values.iter().copied().map(Some));
        let floats = |values: &[f32]| Arc::new(Float32Array::from(values.to_vec())) as ArrayRef;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt8Array::from(self.actions.clone())),
            floats(&self.log_probs),
            floats(&self.values),
            floats(&self.final_values),
            Arc::new(next.collect::<Float32Array>()),
        ];
        let metadata =
            HashMap::from([(LEASE.to_owned(), self.lease.to_string()), (DIGEST.to_owned(), self.digest.clone())]);
        let schema = Arc::new(Schema::new_with_metadata(fields(), metadata));
        let write = || {
            let batch = RecordBatch::try_new(schema.clone(), columns)?;
            let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
            writer.write(&batch)?;
            writer.into_inner()
        };
        write().map(Bytes::from).map_err(arrow("write an actor's segment"))
    }

    /// Trusts none of the bytes.
    ///
    /// # Errors
    /// `Invalid` with the reason for the sender.
    pub fn decode(payload: &Bytes) -> Result<Self> {
        let expected: SchemaRef = Arc::new(Schema::new(fields()));
        let (batch, metadata) = decode_batch(payload, &expected)?;
        let value = |key: &str| metadata.get(key).ok_or_else(|| Error::invalid(format!("`{key}` is missing")));
        let floats = |column: usize| batch.column(column).as_primitive::<Float32Type>().clone();
        let whole = (0..4).all(|column| batch.column(column).null_count() == 0);
        if !whole || batch.num_rows() > MAX_ROWS {
            return Err(Error::invalid("a segment with holes"));
        }
        let next = floats(4);
        let first = next.null_count();
        Ok(Self {
            lease: value(LEASE)?.parse().map_err(|_| Error::invalid("a lease is a number"))?,
            digest: value(DIGEST)?.clone(),
            actions: batch.column(0).as_primitive::<UInt8Type>().values().to_vec(),
            log_probs: floats(1).values().to_vec(),
            values: floats(2).values().to_vec(),
            final_values: floats(3).values().to_vec(),
            next_values: next.values()[first..].to_vec(),
        })
    }
}

fn fields() -> Vec<Field> {
    let required = |name: &str, data_type| Field::new(name, data_type, false);
    vec![
        required("action", DataType::UInt8),
        required("log_prob", DataType::Float32),
        required("value", DataType::Float32),
        required("final_value", DataType::Float32),
        Field::new("next_value", DataType::Float32, true),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> ActorChoices {
        ActorChoices {
            lease: 7,
            digest: "0f1e2d3c4b5a6978".to_owned(),
            actions: vec![0, 3, 1, 2],
            log_probs: vec![-1.0, -0.5, -0.25, -2.0],
            values: vec![0.5, 0.25, -0.125, 1.0],
            final_values: vec![0.0, 0.0, 3.5, 0.0],
            next_values: vec![0.75, -0.75],
        }
    }

    #[test]
    fn choices_come_back_and_are_small() {
        let bytes = sample().encode().expect("encoded");
        assert_eq!(ActorChoices::decode(&bytes).expect("decoded"), sample());
        let rows = 512;
        let large = ActorChoices {
            actions: vec![1; rows],
            log_probs: vec![-1.0; rows],
            values: vec![1.0; rows],
            final_values: vec![0.0; rows],
            ..sample()
        };
        let bytes = large.encode().expect("encoded").len();
        assert!(bytes < 20 * rows, "{bytes} bytes for {rows} robot-steps");
    }

    #[test]
    fn no_prefix_or_flipped_byte_panics() {
        let bytes = sample().encode().expect("encoded");
        for length in 0..bytes.len() {
            let _ = ActorChoices::decode(&bytes.slice(..length));
        }
        assert!(ActorChoices::decode(&bytes.slice(..bytes.len() / 2)).is_err());
        for at in 0..bytes.len() {
            let mut broken = bytes.to_vec();
            broken[at] ^= 0x55;
            let _ = ActorChoices::decode(&Bytes::from(broken));
        }
    }

    #[test]
    fn other_columns_are_refused() {
        let schema = Arc::new(Schema::new(vec![Field::new("action", DataType::Float32, false)]));
        let column: ArrayRef = Arc::new(Float32Array::from(vec![1.0]));
        let batch = RecordBatch::try_new(schema.clone(), vec![column]).expect("a batch");
        let mut writer = StreamWriter::try_new(Vec::new(), &schema).expect("a writer");
        writer.write(&batch).expect("written");
        let bytes = Bytes::from(writer.into_inner().expect("bytes"));
        assert!(ActorChoices::decode(&bytes).expect_err("refused").is_invalid());
    }
}
