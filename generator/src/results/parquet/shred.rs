//! From rows to columns: each leaf of the schema gets its values, and the levels that tell where they belong, as the Dremel
//! paper describes (<https://research.google/pubs/dremel-interactive-analysis-of-web-scale-datasets-2/>).

use std::io::Write;
use std::sync::Arc;

use ::parquet::basic::{ConvertedType, Type as PhysicalType};
use ::parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use ::parquet::errors::Result;
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::types::Type;
use serde_json::Value;

/// The values of a leaf.
enum Values {
    Text(Vec<ByteArray>),
    Integer(Vec<i64>),
    Double(Vec<f64>),
    Boolean(Vec<bool>),
}

/// A leaf of the schema, with what was not written yet.
struct Leaf {
    values: Values,
    /// Of each value, or missing value, how many of the groups around it are there, itself included.
    definitions: Vec<i16>,
    /// Of each, which of the lists around it goes on: 0 begins a new row.
    repetitions: Vec<i16>,
    /// Whether it is there whenever the group around it is, as the key of a map.
    is_required: bool,
}

/// Where in the schema a value is.
#[derive(Clone, Copy)]
struct Levels {
    definition: i16,
    repetition: i16,
    /// How many lists there are around it.
    lists: i16,
}

/// The leaves of all columns, in the order of the schema.
pub struct Shredder {
    leaves: Vec<Leaf>,
    bytes: usize,
}

impl Shredder {
    /// No rows yet.
    pub fn new(schema: &Type) -> Self {
        let mut leaves = Vec::new();
        add_leaves(schema, &mut leaves);
        Self { leaves, bytes: 0 }
    }

    /// Adds a row: a value per column.
    pub fn add(&mut self, columns: &[Arc<Type>], row: Vec<Option<Value>>) {
        let mut leaf = 0;
        for (column, value) in columns.iter().zip(row) {
            self.put(column, value, Levels { definition: 0, repetition: 0, lists: 0 }, &mut leaf);
        }
    }

    /// The bytes that are held.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether no row is held.
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Puts a value into the leaves of its type, of which `leaf` is the first, and moves on to the next one.
    fn put(&mut self, kind: &Type, value: Option<Value>, levels: Levels, leaf: &mut usize) {
        let value = value.filter(|value| !value.is_null());
        if kind.is_primitive() {
            self.put_leaf(*leaf, value, levels);
            *leaf += 1;
            return;
        }
        let inside = Levels { definition: levels.definition + 1, ..levels };
        let (fields, first) = (kind.get_fields(), *leaf);
        let Some(value) = value else { return self.put_missing(kind, levels, leaf) };
        let converted = kind.get_basic_info().converted_type();
        let (repeated, elements): (_, Vec<Vec<Option<Value>>>) = match (converted, value, fields) {
            (ConvertedType::LIST, Value::Array(all), [list]) => {
                (list, all.into_iter().map(|element| vec![Some(element)]).collect())
            }
            (ConvertedType::MAP, Value::Object(all), [entries]) => {
                (entries, all.into_iter().map(|(key, value)| vec![Some(Value::String(key)), Some(value)]).collect())
            }
            (_, Value::Object(mut members), fields) => {
                for field in fields {
                    self.put(field, members.remove(field.name()), inside, leaf);
                }
                return;
            }
            // Nothing that the type allows.
            _ => return self.put_missing(kind, levels, leaf),
        };
        if elements.is_empty() {
            return self.put_missing(repeated, inside, leaf);
        }
        for (index, element) in elements.into_iter().enumerate() {
            let repetition = if index == 0 { levels.repetition } else { levels.lists + 1 };
            let levels = Levels { definition: inside.definition + 1, repetition, lists: levels.lists + 1 };
            *leaf = first;
            for (field, value) in repeated.get_fields().iter().zip(element) {
                self.put(field, value, levels, leaf);
            }
        }
    }

    /// Notes in all leaves of a type that there is nothing.
    fn put_missing(&mut self, kind: &Type, levels: Levels, leaf: &mut usize) {
        if kind.is_primitive() {
            self.put_leaf(*leaf, None, levels);
            *leaf += 1;
            return;
        }
        kind.get_fields().iter().for_each(|field| self.put_missing(field, levels, leaf));
    }

    fn put_leaf(&mut self, leaf: usize, value: Option<Value>, levels: Levels) {
        let Some(leaf) = self.leaves.get_mut(leaf) else { return };
        self.bytes += 2 * size_of::<i16>();
        let bytes = value.and_then(|value| leaf.values.push(value));
        self.bytes += bytes.unwrap_or_default();
        let is_there = i16::from(bytes.is_some() && !leaf.is_required);
        leaf.definitions.push(levels.definition + is_there);
        leaf.repetitions.push(levels.repetition);
    }

    /// Writes all rows as a row group, and forgets them.
    pub fn write_group<W: Write + Send>(&mut self, file: &mut SerializedFileWriter<W>) -> Result<()> {
        let mut group = file.next_row_group()?;
        for leaf in &mut self.leaves {
            let Some(mut column) = group.next_column()? else { break };
            leaf.write(&mut column)?;
            column.close()?;
        }
        group.close()?;
        self.bytes = 0;
        Ok(())
    }
}

fn add_leaves(kind: &Type, leaves: &mut Vec<Leaf>) {
    if !kind.is_primitive() {
        return kind.get_fields().iter().for_each(|field| add_leaves(field, leaves));
    }
    let values = match kind.get_physical_type() {
        PhysicalType::INT64 => Values::Integer(Vec::new()),
        PhysicalType::DOUBLE => Values::Double(Vec::new()),
        PhysicalType::BOOLEAN => Values::Boolean(Vec::new()),
        _ => Values::Text(Vec::new()),
    };
    let is_required = !kind.is_optional();
    leaves.push(Leaf { values, definitions: Vec::new(), repetitions: Vec::new(), is_required });
}

impl Values {
    /// Adds a value, and gives its bytes; nothing for a value of another type.
    fn push(&mut self, value: Value) -> Option<usize> {
        match (self, value) {
            (Self::Text(all), Value::String(text)) => {
                let bytes = text.len() + size_of::<ByteArray>();
                all.push(text.into_bytes().into());
                return Some(bytes);
            }
            (Self::Integer(all), Value::Number(number)) => all.push(number.as_i64()?),
            (Self::Double(all), Value::Number(number)) => all.push(number.as_f64()?),
            (Self::Boolean(all), Value::Bool(value)) => all.push(value),
            _ => return None,
        }
        Some(size_of::<u64>())
    }
}

impl Leaf {
    fn write(&mut self, column: &mut SerializedColumnWriter<'_>) -> Result<()> {
        let (definitions, repetitions) = (Some(&self.definitions[..]), Some(&self.repetitions[..]));
        match &mut self.values {
            Values::Text(all) => {
                column.typed::<ByteArrayType>().write_batch(all, definitions, repetitions)?;
                all.clear();
            }
            Values::Integer(all) => {
                column.typed::<Int64Type>().write_batch(all, definitions, repetitions)?;
                all.clear();
            }
            Values::Double(all) => {
                column.typed::<DoubleType>().write_batch(all, definitions, repetitions)?;
                all.clear();
            }
            Values::Boolean(all) => {
                column.typed::<BoolType>().write_batch(all, definitions, repetitions)?;
                all.clear();
            }
        }
        self.definitions.clear();
        self.repetitions.clear();
        Ok(())
    }
}
