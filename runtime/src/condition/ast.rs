//! The syntax tree of a condition.

use std::cmp::Ordering;

use super::identifiers::{Identifier, ValueType};
use super::lexer::Token;

/// An expression that is true or false for a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// All of them are true.
    And(Vec<Expr>),
    /// At least one of them is true.
    Or(Vec<Expr>),
    /// It is false.
    Not(Box<Expr>),
    /// A boolean term is true.
    Bool(Term),
    /// A term is null.
    IsNull(Term),
    /// A comparison of two terms of the same type.
    Compare(Term, CmpOp, Term),
    /// A text is in a list.
    In(Term, Term),
}

/// An operand: the smallest part that has a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// The value of an identifier.
    Identifier(Identifier),
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
}

impl Term {
    /// The type of its value.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Identifier(name) => name.value_type(),
            Self::Bool(_) => ValueType::Bool,
            // A literal fits every numeric identifier; the type check looks at its range.
            Self::Number(_) => ValueType::Number(i8::MIN, i8::MAX),
            Self::Text(_) => ValueType::Text,
            Self::List(_) => ValueType::List,
        }
    }

    fn identifier(&self) -> Option<&Identifier> {
        match self {
            Self::Identifier(name) => Some(name),
            _ => None,
        }
    }
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CmpOp {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl CmpOp {
    /// The operator that a token stands for, if it is one.
    pub fn from_token(token: &Token) -> Option<Self> {
        Some(match token {
            Token::Symbol("==") => Self::Eq,
            Token::Symbol("!=") => Self::Ne,
            Token::Symbol("<") => Self::Lt,
            Token::Symbol("<=") => Self::Le,
            Token::Symbol(">") => Self::Gt,
            Token::Symbol(">=") => Self::Ge,
            _ => return None,
        })
    }

    /// Whether the comparison is true of two operands in this order; operands without an order are unequal.
    pub fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Eq => order == Some(Ordering::Equal),
            Self::Ne => order != Some(Ordering::Equal),
            Self::Lt => order == Some(Ordering::Less),
            Self::Le => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::Gt => order == Some(Ordering::Greater),
            Self::Ge => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }

    /// Whether the operator needs operands that have an order.
    pub fn is_ordering(self) -> bool {
        !matches!(self, Self::Eq | Self::Ne)
    }
}

impl Expr {
    /// The identifiers that the expression uses.
    pub fn identifiers(&self) -> Box<dyn Iterator<Item = &Identifier> + '_> {
        match self {
            Self::And(exprs) | Self::Or(exprs) => Box::new(exprs.iter().flat_map(Self::identifiers)),
            Self::Not(expr) => expr.identifiers(),
            Self::Bool(term) | Self::IsNull(term) => Box::new(term.identifier().into_iter()),
            Self::Compare(left, _, right) | Self::In(left, right) => {
                Box::new(left.identifier().into_iter().chain(right.identifier()))
            }
        }
    }
}
