//! Checks the types and ranges of comparisons while a condition is parsed, so that evaluation cannot fail.

use super::SyntaxError;
use super::ast::{CmpOp, Expr, Term};
use super::identifiers::{Identifier, LABELS, ValueType};
use super::parser::Operand;

/// The comparison of two operands, each with the byte at which it begins.
///
/// # Errors
/// Operands that cannot be compared with this operator.
pub fn compare(
    left: (usize, Operand),
    (op_at, op): (usize, CmpOp),
    right: (usize, Operand),
) -> Result<Expr, SyntaxError> {
    if matches!(right.1, Operand::Null) && !op.is_ordering() {
        let (at, term) = term(left)?;
        if !matches!(term, Term::Identifier(_)) {
            return Err(SyntaxError::new(at, "only a name can be `null`"));
        }
        let is_null = Expr::IsNull(term);
        return Ok(if op == CmpOp::Eq { is_null } else { Expr::Not(Box::new(is_null)) });
    }
    let ((left_at, left), (right_at, right)) = (term(left)?, term(right)?);
    let types = (left.value_type(), right.value_type());
    match types {
        (ValueType::Number(..), ValueType::Number(..)) => {
            check_range(&left, right_at, &right)?;
            check_range(&right, left_at, &left)?;
        }
        (ValueType::Label, ValueType::Text) => check_label(right_at, &right)?,
        (ValueType::Text, ValueType::Label) => check_label(left_at, &left)?,
        (ValueType::Label, ValueType::Label)
        | (ValueType::Text, ValueType::Text)
        | (ValueType::Bool, ValueType::Bool) => {}
        (ValueType::List, _) | (_, ValueType::List) => {
            return Err(SyntaxError::new(op_at, "a list cannot be compared: use `in` to look for a string in it"));
        }
        (left, right) => {
            let message = format!("cannot compare {} with {}", left.description(), right.description());
            return Err(SyntaxError::new(op_at, message));
        }
    }
    if op.is_ordering() && !matches!(types.0, ValueType::Number(..)) {
        let message = format!("only numbers can be ordered, and this is {}", types.0.description());
        return Err(SyntaxError::new(op_at, message));
    }
    Ok(Expr::Compare(left, op, right))
}

/// The test whether the first operand is in the second, a list.
///
/// # Errors
/// Operands that cannot be used with `in`.
pub fn is_in(left: (usize, Operand), list: (usize, Operand)) -> Result<Expr, SyntaxError> {
    let ((at, left), (list_at, list)) = (term(left)?, term(list)?);
    if list.value_type() != ValueType::List {
        let message = "`in` needs a list such as `[\"en\", \"de\"]` or `entities`";
        return Err(SyntaxError::new(list_at, message));
    }
    match (left.value_type(), &list) {
        (ValueType::Text, _) => {}
        (ValueType::Label, Term::List(texts)) => {
            texts.iter().try_for_each(|text| check_label(list_at, &Term::Text(text.clone())))?;
        }
        (ValueType::Label, _) => {}
        (other, _) => {
            let message = format!("only a string can be in a list, and this is {}", other.description());
            return Err(SyntaxError::new(at, message));
        }
    }
    Ok(Expr::In(left, list))
}

fn term((at, operand): (usize, Operand)) -> Result<(usize, Term), SyntaxError> {
    match operand {
        Operand::Term(term) => Ok((at, term)),
        Operand::Expr(_) => {
            Err(SyntaxError::new(at, "an expression that is true or false cannot be compared: use `!`, `&&` and `||`"))
        }
        Operand::Null => Err(SyntaxError::new(at, "`null` may only follow `==` or `!=`")),
    }
}

/// Refuses a literal that the identifier beside it can never equal or cross.
fn check_range(identifier: &Term, at: usize, literal: &Term) -> Result<(), SyntaxError> {
    let (ValueType::Number(min, max), Term::Identifier(name), Term::Number(number)) =
        (identifier.value_type(), identifier, literal)
    else {
        return Ok(());
    };
    if (f64::from(min)..=f64::from(max)).contains(number) {
        return Ok(());
    }
    let hint = match name {
        Identifier::Score => {
            ": `score` is the strength of the label; `polarity` ranges from -1 (negative) to 1 (positive)"
        }
        _ => "",
    };
    Err(SyntaxError::new(at, format!("`{number}` is outside the range of {min} to {max}{hint}")))
}

/// Refuses a text that is not a label.
fn check_label(at: usize, literal: &Term) -> Result<(), SyntaxError> {
    match literal {
        Term::Text(text) if !LABELS.iter().any(|label| label.as_str() == text) => {
            let known = LABELS.map(|label| format!("`{}`", label.as_str())).join(", ");
            let message = format!("unknown label `{}`; known: {known}", text.escape_debug());
            Err(SyntaxError::new(at, message))
        }
        _ => Ok(()),
    }
}
