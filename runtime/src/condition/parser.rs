//! Parses the tokens of a condition into its syntax tree, by recursive descent.

use super::SyntaxError;
use super::ast::{CmpOp, Expr, Term};
use super::identifiers::{self, Identifier, SCORES, ValueType};
use super::lexer::{self, Token};
use super::typecheck;

/// Maximum nesting of parentheses and `!`, since parsing and evaluation recurse that deep.
const MAX_DEPTH: usize = 32;

/// Parses a condition.
///
/// # Errors
/// The first mistake in it.
pub fn parse(text: &str) -> Result<Expr, SyntaxError> {
    let tokens = lexer::tokenize(text)?;
    let mut parser = Parser { tokens: &tokens, next: 0, end: text.len(), depth: 0 };
    if tokens.is_empty() {
        return Err(SyntaxError::new(0, "expected a condition such as `sentiment == \"NEGATIVE\"`"));
    }
    let expr = parser.or()?;
    match parser.peek() {
        None => Ok(expr),
        Some(_) => Err(parser.unexpected("`&&`, `||` or the end")),
    }
}

struct Parser<'a> {
    tokens: &'a [(usize, Token)],
    next: usize,
    end: usize,
    depth: usize,
}

/// What has been parsed before it is known whether a comparison follows.
pub enum Operand {
    /// A complete expression.
    Expr(Expr),
    /// A term, which may be compared.
    Term(Term),
    /// The keyword `null`.
    Null,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    /// Consumes a symbol if it is the next token.
    fn eat(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Symbol(next)) if *next == symbol);
        self.next += usize::from(found);
        found
    }

    fn unexpected(&self, expected: &str) -> SyntaxError {
        let found = match self.peek() {
            None => "the end".into(),
            Some(Token::Name(name)) => match name.as_str() {
                "and" => return SyntaxError::new(self.at(), "found `and`, use `&&`"),
                "or" => return SyntaxError::new(self.at(), "found `or`, use `||`"),
                _ => format!("`{name}`"),
            },
            Some(Token::Text(text)) => format!("the text `{}`", text.escape_debug()),
            Some(Token::Number(number)) => format!("the number `{number}`"),
            Some(Token::Symbol(symbol)) => format!("`{symbol}`"),
        };
        SyntaxError::new(self.at(), format!("found {found}, expected {expected}"))
    }

    fn or(&mut self) -> Result<Expr, SyntaxError> {
        let mut exprs = vec![self.and()?];
        while self.eat("||") {
            exprs.push(self.and()?);
        }
        Ok(if exprs.len() == 1 { exprs.swap_remove(0) } else { Expr::Or(exprs) })
    }

    fn and(&mut self) -> Result<Expr, SyntaxError> {
        let mut exprs = vec![self.comparison()?];
        while self.eat("&&") {
            exprs.push(self.comparison()?);
        }
        Ok(if exprs.len() == 1 { exprs.swap_remove(0) } else { Expr::And(exprs) })
    }

    /// A comparison, or an operand that is true or false by itself.
    fn comparison(&mut self) -> Result<Expr, SyntaxError> {
        let left_at = self.at();
        let left = self.operand()?;
        let op_at = self.at();
        if matches!(self.peek(), Some(Token::Name(name)) if name == "in") {
            self.next += 1;
            let list_at = self.at();
            let list = self.operand()?;
            return typecheck::is_in((left_at, left), (list_at, list));
        }
        let Some(op) = self.peek().and_then(CmpOp::from_token) else {
            return match left {
                Operand::Expr(expr) => Ok(expr),
                Operand::Term(term) if term.value_type() == ValueType::Bool => Ok(Expr::Bool(term)),
                Operand::Term(_) | Operand::Null => {
                    Err(self.unexpected("a comparison such as `== \"NEGATIVE\"` or `> 0.8`"))
                }
            };
        };
        self.next += 1;
        let right_at = self.at();
        let right = self.operand()?;
        if self.peek().and_then(CmpOp::from_token).is_some() {
            return Err(SyntaxError::new(self.at(), "comparisons cannot be chained: put `&&` between them"));
        }
        typecheck::compare((left_at, left), (op_at, op), (right_at, right))
    }

    fn operand(&mut self) -> Result<Operand, SyntaxError> {
        let at = self.at();
        if self.eat("!") {
            return self.nested(at, |parser| match parser.operand()? {
                Operand::Expr(expr) => Ok(Operand::Expr(Expr::Not(Box::new(expr)))),
                Operand::Term(term) if term.value_type() == ValueType::Bool => {
                    Ok(Operand::Expr(Expr::Not(Box::new(Expr::Bool(term)))))
                }
                _ => Err(SyntaxError::new(at, "`!` negates what is true or false: put the comparison in parentheses")),
            });
        }
        if self.eat("(") {
            return self.nested(at, |parser| {
                let expr = parser.or()?;
                if parser.eat(")") { Ok(Operand::Expr(expr)) } else { Err(parser.unexpected("`)`")) }
            });
        }
        if self.eat("[") {
            return self.list().map(|texts| Operand::Term(Term::List(texts)));
        }
        let term = match self.peek() {
            Some(Token::Text(text)) => Term::Text(text.clone()),
            Some(Token::Number(number)) => Term::Number(*number),
            Some(Token::Name(name)) => match name.as_str() {
                "true" => Term::Bool(true),
                "false" => Term::Bool(false),
                "null" => {
                    self.next += 1;
                    return Ok(Operand::Null);
                }
                "scores" | "labels" => return self.member().map(|name| Operand::Term(Term::Identifier(name))),
                other => match Identifier::simple(other) {
                    Some(name) => Term::Identifier(name),
                    None => {
                        let message = format!("unknown name `{other}`; known: {}", identifiers::known());
                        return Err(SyntaxError::new(at, message));
                    }
                },
            },
            _ => return Err(self.unexpected("a name, a quoted text or a number")),
        };
        self.next += 1;
        Ok(Operand::Term(term))
    }

    fn nested<T>(
        &mut self,
        at: usize,
        parse: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.depth == MAX_DEPTH {
            let message = format!("parentheses and `!` may be nested at most {MAX_DEPTH} deep");
            return Err(SyntaxError::new(at, message));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// The texts of a list, after its opening bracket.
    fn list(&mut self) -> Result<Vec<String>, SyntaxError> {
        let mut texts = Vec::new();
        while let Some(Token::Text(text)) = self.peek() {
            texts.push(text.clone());
            self.next += 1;
            if self.eat("]") {
                return Ok(texts);
            }
            if !self.eat(",") {
                return Err(self.unexpected("`,` or `]`"));
            }
        }
        Err(self.unexpected("a quoted text"))
    }

    /// `scores.positive`, `labels.sector`, `labels["home market"]`.
    fn member(&mut self) -> Result<Identifier, SyntaxError> {
        let of_scores = matches!(self.peek(), Some(Token::Name(name)) if name == "scores");
        self.next += 1;
        let bracket = self.eat("[");
        if !bracket && !self.eat(".") {
            return Err(self.unexpected("`.` and a name"));
        }
        let at = self.at();
        let member = match (self.peek(), bracket) {
            (Some(Token::Text(text)), true) => text.clone(),
            (Some(Token::Name(name)), false) => name.clone(),
            (_, true) => return Err(self.unexpected("a quoted name")),
            (_, false) => return Err(self.unexpected("a name")),
        };
        self.next += 1;
        if bracket && !self.eat("]") {
            return Err(self.unexpected("`]`"));
        }
        if !of_scores {
            return Ok(Identifier::Labels(member));
        }
        let score = SCORES.into_iter().find(|name| *name == member);
        score.map(Identifier::Scores).ok_or_else(|| {
            let known = SCORES.map(|name| format!("`{name}`")).join(", ");
            SyntaxError::new(at, format!("unknown member `{member}` of `scores`; known: {known}"))
        })
    }
}
