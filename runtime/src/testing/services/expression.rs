//! DynamoDB's condition and update expressions on top-level attributes, as far as the Lambda uses them.

use serde_json::{Map, Value, json};

use super::FakeServiceError;
use super::dynamodb::FakeItem;

type ExpressionResult<T> = Result<T, FakeServiceError>;

/// An expression being evaluated, with the values of its placeholders.
pub struct DynamoExpression<'a> {
    tokens: Vec<&'a str>,
    at: usize,
    names: &'a Value,
    values: &'a Value,
}

/// Splits an expression into words and operators.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '#' | ':' | '.' | '-');
        let length = match first {
            '<' if rest.starts_with("<=") || rest.starts_with("<>") => 2,
            '>' if rest.starts_with(">=") => 2,
            // A minus between spaces is an operator; within a word, it is part of the word.
            '-' => 1,
            first if word(first) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
            first => first.len_utf8(),
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

impl<'a> DynamoExpression<'a> {
    /// An expression of a request.
    pub fn new(text: &'a str, request: &'a Value) -> Self {
        let (names, values) = (&request["ExpressionAttributeNames"], &request["ExpressionAttributeValues"]);
        Self { tokens: tokens(text), at: 0, names, values }
    }

    /// Whether a condition holds for an item; pass an empty item if there is none.
    pub fn holds(mut self, item: &FakeItem) -> ExpressionResult<bool> {
        let holds = self.any(item)?;
        if self.at < self.tokens.len() { Err(self.unsupported()) } else { Ok(holds) }
    }

    /// Applies an update to an item.
    pub fn update(mut self, item: &mut FakeItem) -> ExpressionResult<()> {
        let before = item.clone();
        while let Some(clause) = self.next() {
            loop {
                let name = self.name()?;
                match clause.to_ascii_uppercase().as_str() {
                    "SET" => {
                        self.expect("=")?;
                        let value = self.sum(&before)?;
                        item.insert(name, value);
                    }
                    "ADD" => {
                        let more = self.operand(&before)?.unwrap_or_default();
                        let value = match before.get(&name) {
                            Some(old) => plus(old, &more, 1.0).ok_or_else(|| self.unsupported())?,
                            None => more,
                        };
                        item.insert(name, value);
                    }
                    "REMOVE" => {
                        item.remove(&name);
                    }
                    _ => return Err(self.unsupported()),
                }
                if self.peek() != Some(",") {
                    break;
                }
                self.at += 1;
            }
        }
        Ok(())
    }

    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.at).copied()
    }

    fn next(&mut self) -> Option<&'a str> {
        let next = self.peek();
        self.at += 1;
        next
    }

    fn takes(&mut self, word: &str) -> bool {
        let takes = self.peek().is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.at += usize::from(takes);
        takes
    }

    fn expect(&mut self, word: &str) -> ExpressionResult<()> {
        if self.takes(word) { Ok(()) } else { Err(self.unsupported()) }
    }

    fn unsupported(&self) -> FakeServiceError {
        FakeServiceError::unknown(&format!("{} at part {}", self.tokens.join(" "), self.at))
    }

    fn any(&mut self, item: &FakeItem) -> ExpressionResult<bool> {
        let mut holds = self.all(item)?;
        while self.takes("OR") {
            holds |= self.all(item)?;
        }
        Ok(holds)
    }

    fn all(&mut self, item: &FakeItem) -> ExpressionResult<bool> {
        let mut holds = self.one(item)?;
        while self.takes("AND") {
            holds &= self.one(item)?;
        }
        Ok(holds)
    }

    fn one(&mut self, item: &FakeItem) -> ExpressionResult<bool> {
        if self.takes("NOT") {
            return Ok(!self.one(item)?);
        }
        if self.takes("(") {
            let holds = self.any(item)?;
            self.expect(")")?;
            return Ok(holds);
        }
        let function = self.peek().unwrap_or_default();
        if self.tokens.get(self.at + 1) == Some(&"(") && function != "if_not_exists" {
            self.at += 2;
            let name = self.name()?;
            let holds = match function {
                "attribute_exists" => item.contains_key(&name),
                "attribute_not_exists" => !item.contains_key(&name),
                "begins_with" => {
                    self.expect(",")?;
                    let start = self.operand(item)?.unwrap_or_default();
                    let text = item.get(&name).and_then(|value| value["S"].as_str());
                    text.zip(start["S"].as_str()).is_some_and(|(text, start)| text.starts_with(start))
                }
                _ => return Err(self.unsupported()),
            };
            self.expect(")")?;
            return Ok(holds);
        }
        let left = self.operand(item)?;
        if self.takes("BETWEEN") {
            let from = self.operand(item)?;
            self.expect("AND")?;
            let to = self.operand(item)?;
            return Ok(order(&left, &from).is_some_and(|o| o.is_ge()) && order(&left, &to).is_some_and(|o| o.is_le()));
        }
        let operator = self.next().unwrap_or_default();
        let right = self.operand(item)?;
        let order = order(&left, &right);
        Ok(match operator {
            "=" => left.is_some() && left == right || order.is_some_and(|o| o.is_eq()),
            "<>" => left != right && !order.is_some_and(|o| o.is_eq()),
            "<" => order.is_some_and(|o| o.is_lt()),
            "<=" => order.is_some_and(|o| o.is_le()),
            ">" => order.is_some_and(|o| o.is_gt()),
            ">=" => order.is_some_and(|o| o.is_ge()),
            _ => return Err(self.unsupported()),
        })
    }

    fn name(&mut self) -> ExpressionResult<String> {
        let word = self.next().ok_or_else(|| self.unsupported())?;
        match word.strip_prefix('#') {
            Some(_) => self.names[word].as_str().map(Into::into).ok_or_else(|| self.unsupported()),
            None if word.contains(['.', ':']) => Err(self.unsupported()),
            None => Ok(word.to_owned()),
        }
    }

    fn operand(&mut self, item: &FakeItem) -> ExpressionResult<Option<Value>> {
        match self.peek() {
            Some("if_not_exists") => {
                self.at += 1;
                self.expect("(")?;
                let name = self.name()?;
                self.expect(",")?;
                let otherwise = self.operand(item)?;
                self.expect(")")?;
                Ok(item.get(&name).cloned().or(otherwise))
            }
            Some(value) if value.starts_with(':') => {
                self.at += 1;
                self.values.get(value).cloned().map(Some).ok_or_else(|| self.unsupported())
            }
            _ => {
                let name = self.name()?;
                Ok(item.get(&name).cloned())
            }
        }
    }

    fn sum(&mut self, item: &FakeItem) -> ExpressionResult<Value> {
        let missing = || {
            FakeServiceError::new(
                "ValidationException",
                "The provided expression refers to an attribute that does not exist in the item",
            )
        };
        let left = self.operand(item)?.ok_or_else(missing)?;
        let sign = match self.peek() {
            Some("+") => 1.0,
            Some("-") => -1.0,
            _ => return Ok(left),
        };
        self.at += 1;
        let right = self.operand(item)?.ok_or_else(missing)?;
        plus(&left, &right, sign).ok_or_else(|| self.unsupported())
    }
}

fn number(value: &Value) -> Option<f64> {
    value["N"].as_str()?.parse().ok()
}

/// The sum of two numbers, or the union of two sets.
fn plus(left: &Value, right: &Value, sign: f64) -> Option<Value> {
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return Some(json!({ "N": (left + sign * right).to_string() }));
    }
    let (kind, old) = left.as_object()?.iter().next()?;
    let mut all = old.as_array()?.clone();
    for one in right.get(kind)?.as_array()? {
        if !all.contains(one) {
            all.push(one.clone());
        }
    }
    let mut value = Map::new();
    value.insert(kind.clone(), Value::Array(all));
    Some(value.into())
}

/// Compares two values of one type.
fn order(left: &Option<Value>, right: &Option<Value>) -> Option<std::cmp::Ordering> {
    let (left, right) = (left.as_ref()?, right.as_ref()?);
    match (number(left), number(right)) {
        (Some(left), Some(right)) => left.partial_cmp(&right),
        _ => Some(left["S"].as_str()?.cmp(right["S"].as_str()?)),
    }
}
