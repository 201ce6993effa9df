//! Reading and writing safetensors whose bytes depend on their content alone.
//!
//! All of our own metadata is one entry, because the format's metadata map is written in random order.
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, View, serialize};

/// Key of the one metadata entry; its value is `name=value` lines in order of name.
const METADATA: &str = "patrol";

/// Why bytes are not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    #[error("not a safetensors file")]
    Format(#[source] SafeTensorError),
    #[error("the metadata lack `{0}`")]
    MissingMetadata(&'static str),
    #[error("the metadata say `{name}` = `{found}`, expected {expected}")]
    Metadata { name: &'static str, found: String, expected: String },
    #[error("tensor `{0}` is missing")]
    MissingTensor(String),
    #[error("tensor `{name}` is {found}, expected {expected}")]
    Tensor { name: String, found: String, expected: String },
    #[error("tensor `{0}` holds a value that is not finite")]
    NotFinite(String),
}

/// Collects tensors and metadata.
#[derive(Default)]
pub struct Writer {
    tensors: Vec<(String, Owned)>,
    metadata: BTreeMap<&'static str, String>,
}

impl Writer {
    pub fn metadata(&mut self, name: &'static str, value: impl std::fmt::Display) {
        self.metadata.insert(name, value.to_string());
    }

    pub fn f32s(&mut self, name: &str, shape: &[usize], values: impl IntoIterator<Item = f32>) {
        self.tensor(name, Dtype::F32, shape, values.into_iter().flat_map(f32::to_le_bytes).collect());
    }

    pub fn u64s(&mut self, name: &str, values: impl IntoIterator<Item = u64>) {
        let bytes: Vec<u8> = values.into_iter().flat_map(u64::to_le_bytes).collect();
        self.tensor(name, Dtype::U64, &[bytes.len() / 8], bytes);
    }

    pub fn bytes(&mut self, name: &str, bytes: Vec<u8>) {
        self.tensor(name, Dtype::U8, &[bytes.len()], bytes);
    }

    pub fn finish(self) -> Result<Vec<u8>, ContainerError> {
        let lines: Vec<String> = self.metadata.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let metadata = HashMap::from([(METADATA.to_owned(), lines.join("\n"))]);
        serialize(self.tensors, Some(metadata)).map_err(ContainerError::Format)
    }

    fn tensor(&mut self, name: &str, dtype: Dtype, shape: &[usize], data: Vec<u8>) {
        self.tensors.push((name.to_owned(), Owned { dtype, shape: shape.to_vec(), data }));
    }
}

/// Checked access to the tensors and metadata of a file.
#[derive(Debug)]
pub struct Reader<'a> {
    tensors: SafeTensors<'a>,
    metadata: BTreeMap<String, String>,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Self, ContainerError> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(ContainerError::Format)?;
        let lines = header.metadata().as_ref().and_then(|map| map.get(METADATA)).cloned().unwrap_or_default();
        let pairs = lines.lines().filter_map(|line| line.split_once('='));
        let metadata = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Self { tensors: SafeTensors::deserialize(bytes).map_err(ContainerError::Format)?, metadata })
    }

    pub fn metadata(&self, name: &'static str) -> Result<&str, ContainerError> {
        self.metadata.get(name).map(String::as_str).ok_or(ContainerError::MissingMetadata(name))
    }

    /// The metadata value, parsed.
    pub fn parsed<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, ContainerError> {
        let found = self.metadata(name)?;
        found.parse().map_err(|_| ContainerError::Metadata {
            name,
            found: found.to_owned(),
            expected: std::any::type_name::<T>().to_owned(),
        })
    }

    /// Fails unless the metadata hold exactly this value.
    pub fn expect(&self, name: &'static str, expected: &str) -> Result<(), ContainerError> {
        let found = self.metadata(name)?;
        if found == expected {
            return Ok(());
        }
        Err(ContainerError::Metadata { name, found: found.to_owned(), expected: format!("`{expected}`") })
    }

    /// A tensor of finite floats with exactly this shape.
    pub fn f32s(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ContainerError> {
        let data = self.tensor(name, Dtype::F32, Some(shape))?;
        let values: Vec<f32> = data.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
        if values.iter().all(|v| v.is_finite()) { Ok(values) } else { Err(ContainerError::NotFinite(name.to_owned())) }
    }

    pub fn u64s(&self, name: &str) -> Result<Vec<u64>, ContainerError> {
        let data = self.tensor(name, Dtype::U64, None)?;
        Ok(data.as_chunks::<8>().0.iter().map(|&b| u64::from_le_bytes(b)).collect())
    }

    pub fn bytes(&self, name: &str) -> Result<&'a [u8], ContainerError> {
        self.tensor(name, Dtype::U8, None)
    }

    /// The shape of a tensor, whatever it is.
    pub fn shape(&self, name: &str) -> Result<Vec<usize>, ContainerError> {
        let view = self.tensors.tensor(name).map_err(|_| ContainerError::MissingTensor(name.to_owned()))?;
        Ok(view.shape().to_vec())
    }

    fn tensor(&self, name: &str, dtype: Dtype, shape: Option<&[usize]>) -> Result<&'a [u8], ContainerError> {
        let view = self.tensors.tensor(name).map_err(|_| ContainerError::MissingTensor(name.to_owned()))?;
        if view.dtype() == dtype && shape.is_none_or(|shape| shape == view.shape()) {
            return Ok(view.data());
        }
        Err(ContainerError::Tensor {
            name: name.to_owned(),
            found: format!("{:?} {:?}", view.dtype(), view.shape()),
            expected: format!("{dtype:?} {:?}", shape.unwrap_or(&[view.shape().iter().product()])),
        })
    }
}

struct Owned {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl View for Owned {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }
    fn data_len(&self) -> usize {
        self.data.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut writer = Writer::default();
        writer.metadata("b", 7);
        writer.metadata("a", "x=y");
        writer.f32s("weights", &[2, 2], [1.0, -2.5, 3.0, f32::MIN_POSITIVE]);
        writer.u64s("counters", [1, u64::MAX]);
        writer.bytes("state", vec![1, 2, 3]);
        writer.finish().expect("written")
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = sample();
        assert_eq!(bytes, sample(), "the same content gives the same bytes");
        let reader = Reader::new(&bytes).expect("read");
        assert_eq!(reader.f32s("weights", &[2, 2]).expect("weights"), [1.0, -2.5, 3.0, f32::MIN_POSITIVE]);
        assert_eq!(reader.u64s("counters").expect("counters"), [1, u64::MAX]);
        assert_eq!(reader.bytes("state").expect("state"), [1, 2, 3]);
        assert_eq!(reader.metadata("a").expect("a"), "x=y");
        assert_eq!(reader.parsed::<u32>("b").expect("b"), 7);
    }

    #[test]
    fn wrong_content_is_named() {
        let bytes = sample();
        let reader = Reader::new(&bytes).expect("read");
        for (error, part) in [
            (reader.f32s("weights", &[4]).map(drop), "`weights`"),
            (reader.f32s("state", &[3]).map(drop), "`state`"),
            (reader.f32s("none", &[3]).map(drop), "`none`"),
            (reader.parsed::<u32>("a").map(drop), "`a`"),
            (reader.expect("b", "8"), "`8`"),
            (reader.metadata("c").map(drop), "`c`"),
        ] {
            let message = error.expect_err("wrong").to_string();
            assert!(message.contains(part), "{message}");
        }
        let mut writer = Writer::default();
        writer.f32s("weights", &[1], [f32::NAN]);
        let bytes = writer.finish().expect("written");
        assert!(matches!(Reader::new(&bytes).expect("read").f32s("weights", &[1]), Err(ContainerError::NotFinite(_))));
    }

    #[test]
    fn no_prefix_or_flipped_byte_panics() {
        let bytes = sample();
        for length in 0..bytes.len() {
            assert!(Reader::new(&bytes[..length]).is_err());
        }
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] ^= 0x55;
            if let Ok(reader) = Reader::new(&broken) {
                let _ = (reader.f32s("weights", &[2, 2]), reader.u64s("counters"), reader.bytes("state"));
            }
        }
    }
}
