//! Building a graph node by node.
use super::messages::{
    ATTRIBUTE_INT, ATTRIBUTE_INTS, Attribute, Dimension, Extent, FLOAT, Graph, INT64, Node, Tensor, TensorShape,
    TensorType, ValueInfo, ValueType,
};

/// A graph in the making. A value is called by the name of the node or constant that makes it.
#[derive(Default)]
pub struct Builder(Graph);

impl Builder {
    pub fn input(&mut self, value: ValueInfo) {
        self.0.input.push(value);
    }

    pub fn output(&mut self, value: ValueInfo) {
        self.0.output.push(value);
    }

    /// A node with one output of its own name.
    pub fn node(&mut self, name: &str, op_type: &str, inputs: &[&str], attributes: Vec<Attribute>) {
        self.0.node.push(Node {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.to_owned()],
            name: name.to_owned(),
            op_type: op_type.to_owned(),
            attribute: attributes,
        });
    }

    pub fn floats(&mut self, name: &str, sizes: &[usize], values: impl Iterator<Item = f32>) {
        self.constant(name, sizes, FLOAT, values.flat_map(f32::to_le_bytes).collect());
    }

    pub fn integers(&mut self, name: &str, values: &[usize]) {
        let bytes = values.iter().flat_map(|&value| (value as i64).to_le_bytes()).collect();
        self.constant(name, &[values.len()], INT64, bytes);
    }

    /// Columns `from..to` of a matrix.
    pub fn columns(&mut self, name: &str, matrix: &str, columns: std::ops::Range<usize>) {
        let [from, to, axis] = ["from", "to", "axis"].map(|what| format!("{name}.{what}"));
        self.integers(&from, &[columns.start]);
        self.integers(&to, &[columns.end]);
        self.integers(&axis, &[1]);
        self.node(name, "Slice", &[matrix, &from, &to, &axis], Vec::new());
    }

    pub fn finish(self, name: &str) -> Graph {
        Graph { name: name.to_owned(), ..self.0 }
    }

    fn constant(&mut self, name: &str, sizes: &[usize], data_type: i32, raw_data: Vec<u8>) {
        let dims = sizes.iter().map(|&size| size as i64).collect();
        self.0.initializer.push(Tensor { dims, data_type, name: name.to_owned(), raw_data });
    }
}

pub fn integer(name: &str, value: i64) -> Attribute {
    Attribute { name: name.to_owned(), i: value, kind: ATTRIBUTE_INT, ..Attribute::default() }
}

pub fn integers(name: &str, values: &[usize]) -> Attribute {
    let ints = values.iter().map(|&value| value as i64).collect();
    Attribute { name: name.to_owned(), ints, kind: ATTRIBUTE_INTS, ..Attribute::default() }
}

/// A matrix with a row per robot, as many as there are.
pub fn matrix(name: &str, element: i32, columns: usize, doc_string: &str) -> ValueInfo {
    let extents = [Extent::Named("batch".to_owned()), Extent::Fixed(columns as i64)];
    let dim = extents.map(|extent| Dimension { extent: Some(extent) }).into();
    let tensor = TensorType { element, shape: Some(TensorShape { dim }) };
    ValueInfo {
        name: name.to_owned(),
        kind: Some(ValueType { tensor: Some(tensor) }),
        doc_string: doc_string.to_owned(),
    }
}
