//! Reads a condition from its words, and lets nothing through that could go wrong when it is decided.

use std::cmp::Ordering;

use super::lexer::{self, Word, Wrong};
use super::names::{self, LABELS, Name, SCORES, Type};

/// Parentheses and `!` within each other, at most: reading and deciding go down that deep.
const DEPTH: usize = 32;

/// What is true or false of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// All of them are.
    All(Vec<Test>),
    /// One of them is.
    Any(Vec<Test>),
    /// It is not.
    Not(Box<Test>),
    /// A flag is set.
    Flag(Term),
    /// Nothing is known by that name.
    Absent(Term),
    /// Two terms of one type stand so to each other.
    Compare(Term, Sign, Term),
    /// A text is one of several.
    Among(Term, Term),
}

/// What has a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// What the record says.
    Name(Name),
    /// `true` or `false`.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
}

/// How two terms are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// `==`
    Same,
    /// `!=`
    Other,
    /// `<`
    Less,
    /// `<=`
    Most,
    /// `>`
    More,
    /// `>=`
    Least,
}

impl Sign {
    fn of(word: &Word) -> Option<Self> {
        Some(match word {
            Word::Sign("==") => Self::Same,
            Word::Sign("!=") => Self::Other,
            Word::Sign("<") => Self::Less,
            Word::Sign("<=") => Self::Most,
            Word::Sign(">") => Self::More,
            Word::Sign(">=") => Self::Least,
            _ => return None,
        })
    }

    /// Whether two terms in this order stand so; no order means that they differ.
    pub fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Same => order == Some(Ordering::Equal),
            Self::Other => order != Some(Ordering::Equal),
            Self::Less => order == Some(Ordering::Less),
            Self::Most => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::More => order == Some(Ordering::Greater),
            Self::Least => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }

    fn by_size(self) -> bool {
        !matches!(self, Self::Same | Self::Other)
    }
}

impl Test {
    /// The names that it asks for.
    pub fn names(&self) -> Box<dyn Iterator<Item = &Name> + '_> {
        fn named(term: &Term) -> Option<&Name> {
            match term {
                Term::Name(name) => Some(name),
                _ => None,
            }
        }
        match self {
            Self::All(tests) | Self::Any(tests) => Box::new(tests.iter().flat_map(Self::names)),
            Self::Not(test) => test.names(),
            Self::Flag(term) | Self::Absent(term) => Box::new(named(term).into_iter()),
            Self::Compare(left, _, right) | Self::Among(left, right) => {
                Box::new(named(left).into_iter().chain(named(right)))
            }
        }
    }
}

/// A condition from its text.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn read(text: &str) -> Result<Test, Wrong> {
    let words = lexer::cut(text)?;
    let mut reader = Reader { words: &words, next: 0, end: text.len(), depth: 0 };
    if words.is_empty() {
        return Err((0, "a condition such as `sentiment == \"NEGATIVE\"` is missing".into()));
    }
    let test = reader.any()?;
    match reader.peek() {
        None => Ok(test),
        Some(_) => Err(reader.unexpected("`&&`, `||` or the end")),
    }
}

struct Reader<'a> {
    words: &'a [(usize, Word)],
    next: usize,
    end: usize,
    depth: usize,
}

/// What was read before it is known what it is compared with.
enum Part {
    Test(Test),
    Term(Term),
    Null,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.next).map(|(_, word)| word)
    }

    fn at(&self) -> usize {
        self.words.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    /// Goes on behind a sign, where it is the next word.
    fn takes(&mut self, sign: &str) -> bool {
        let there = matches!(self.peek(), Some(Word::Sign(next)) if *next == sign);
        self.next += usize::from(there);
        there
    }

    fn unexpected(&self, wanted: &str) -> Wrong {
        let found = match self.peek() {
            None => "the end".into(),
            Some(Word::Name(name)) => match name.as_str() {
                "and" => return (self.at(), "found `and`, which is written `&&`".into()),
                "or" => return (self.at(), "found `or`, which is written `||`".into()),
                _ => format!("`{name}`"),
            },
            Some(Word::Text(text)) => format!("the text `{}`", text.escape_debug()),
            Some(Word::Number(number)) => format!("the number `{number}`"),
            Some(Word::Sign(sign)) => format!("`{sign}`"),
        };
        (self.at(), format!("found {found}, expected {wanted}"))
    }

    fn any(&mut self) -> Result<Test, Wrong> {
        let mut tests = vec![self.all()?];
        while self.takes("||") {
            tests.push(self.all()?);
        }
        Ok(if tests.len() == 1 { tests.swap_remove(0) } else { Test::Any(tests) })
    }

    fn all(&mut self) -> Result<Test, Wrong> {
        let mut tests = vec![self.test()?];
        while self.takes("&&") {
            tests.push(self.test()?);
        }
        Ok(if tests.len() == 1 { tests.swap_remove(0) } else { Test::All(tests) })
    }

    /// A comparison, or what is true or false by itself.
    fn test(&mut self) -> Result<Test, Wrong> {
        let from = self.at();
        let left = self.part()?;
        let sign_at = self.at();
        if matches!(self.peek(), Some(Word::Name(name)) if name == "in") {
            self.next += 1;
            let list_at = self.at();
            let list = self.part()?;
            return among((from, left), (list_at, list));
        }
        let Some(sign) = self.peek().and_then(Sign::of) else {
            return match left {
                Part::Test(test) => Ok(test),
                Part::Term(term) if type_of(&term) == Type::Flag => Ok(Test::Flag(term)),
                Part::Term(_) | Part::Null => Err(self.unexpected("a comparison such as `== \"NEGATIVE\"` or `> 0.8`")),
            };
        };
        self.next += 1;
        let right_at = self.at();
        let right = self.part()?;
        if self.peek().and_then(Sign::of).is_some() {
            return Err((self.at(), "comparisons do not follow each other: put `&&` between two of them".into()));
        }
        compare((from, left), (sign_at, sign), (right_at, right))
    }

    fn part(&mut self) -> Result<Part, Wrong> {
        let at = self.at();
        if self.takes("!") {
            return self.deeper(at, |reader| match reader.part()? {
                Part::Test(test) => Ok(Part::Test(Test::Not(Box::new(test)))),
                Part::Term(term) if type_of(&term) == Type::Flag => {
                    Ok(Part::Test(Test::Not(Box::new(Test::Flag(term)))))
                }
                _ => Err((at, "`!` stands before what is true or false: put parentheses around a comparison".into())),
            });
        }
        if self.takes("(") {
            return self.deeper(at, |reader| {
                let test = reader.any()?;
                if reader.takes(")") { Ok(Part::Test(test)) } else { Err(reader.unexpected("`)`")) }
            });
        }
        if self.takes("[") {
            return self.list().map(|texts| Part::Term(Term::Texts(texts)));
        }
        let term = match self.peek() {
            Some(Word::Text(text)) => Term::Text(text.clone()),
            Some(Word::Number(number)) => Term::Number(*number),
            Some(Word::Name(name)) => match name.as_str() {
                "true" => Term::Flag(true),
                "false" => Term::Flag(false),
                "null" => {
                    self.next += 1;
                    return Ok(Part::Null);
                }
                "scores" | "labels" => return self.member().map(|name| Part::Term(Term::Name(name))),
                other => match Name::alone(other) {
                    Some(name) => Term::Name(name),
                    None => return Err((at, format!("there is no `{other}` here; known: {}", names::known()))),
                },
            },
            _ => return Err(self.unexpected("a name, a text in quotes or a number")),
        };
        self.next += 1;
        Ok(Part::Term(term))
    }

    fn deeper<T>(&mut self, at: usize, read: impl FnOnce(&mut Self) -> Result<T, Wrong>) -> Result<T, Wrong> {
        if self.depth == DEPTH {
            return Err((at, format!("parentheses and `!` go no deeper than {DEPTH}")));
        }
        self.depth += 1;
        let done = read(self);
        self.depth -= 1;
        done
    }

    /// The texts of a list, behind its bracket.
    fn list(&mut self) -> Result<Vec<String>, Wrong> {
        let mut texts = Vec::new();
        while let Some(Word::Text(text)) = self.peek() {
            texts.push(text.clone());
            self.next += 1;
            if self.takes("]") {
                return Ok(texts);
            }
            if !self.takes(",") {
                return Err(self.unexpected("`,` or `]`"));
            }
        }
        Err(self.unexpected("a text in quotes"))
    }

    /// `scores.positive`, `labels.sector`, `labels["home market"]`.
    fn member(&mut self) -> Result<Name, Wrong> {
        let of_scores = matches!(self.peek(), Some(Word::Name(name)) if name == "scores");
        self.next += 1;
        let bracket = self.takes("[");
        if !bracket && !self.takes(".") {
            return Err(self.unexpected("`.` and a name"));
        }
        let at = self.at();
        let member = match (self.peek(), bracket) {
            (Some(Word::Text(text)), true) => text.clone(),
            (Some(Word::Name(name)), false) => name.clone(),
            (_, true) => return Err(self.unexpected("a name in quotes")),
            (_, false) => return Err(self.unexpected("a name")),
        };
        self.next += 1;
        if bracket && !self.takes("]") {
            return Err(self.unexpected("`]`"));
        }
        if !of_scores {
            return Ok(Name::Labels(member));
        }
        let word = SCORES.into_iter().find(|word| *word == member);
        word.map(Name::Scores).ok_or_else(|| {
            let known = SCORES.map(|word| format!("`{word}`")).join(", ");
            (at, format!("there is no `{member}` in `scores`; known: {known}"))
        })
    }
}

fn type_of(term: &Term) -> Type {
    match term {
        Term::Name(name) => name.of_type(),
        Term::Flag(_) => Type::Flag,
        // What is written fits every name that is a number; `compare` looks at its size.
        Term::Number(_) => Type::Number(i8::MIN, i8::MAX),
        Term::Text(_) => Type::Text,
        Term::Texts(_) => Type::Texts,
    }
}

fn term((at, part): (usize, Part)) -> Result<(usize, Term), Wrong> {
    match part {
        Part::Term(term) => Ok((at, term)),
        Part::Test(_) => Err((at, "what is true or false is not compared: use `!`, `&&` and `||`".into())),
        Part::Null => Err((at, "`null` stands behind `==` or `!=` only".into())),
    }
}

fn compare(left: (usize, Part), (sign_at, sign): (usize, Sign), right: (usize, Part)) -> Result<Test, Wrong> {
    if matches!(right.1, Part::Null) && !sign.by_size() {
        let (at, term) = term(left)?;
        if !matches!(term, Term::Name(_)) {
            return Err((at, "only a name can be `null`".into()));
        }
        let absent = Test::Absent(term);
        return Ok(if sign == Sign::Same { absent } else { Test::Not(Box::new(absent)) });
    }
    let ((left_at, left), (right_at, right)) = (term(left)?, term(right)?);
    let types = (type_of(&left), type_of(&right));
    match types {
        (Type::Number(..), Type::Number(..)) => {
            sized(&left, right_at, &right)?;
            sized(&right, left_at, &left)?;
        }
        (Type::Label, Type::Text) => labelled(right_at, &right)?,
        (Type::Text, Type::Label) => labelled(left_at, &left)?,
        (Type::Label, Type::Label) | (Type::Text, Type::Text) | (Type::Flag, Type::Flag) => {}
        (Type::Texts, _) | (_, Type::Texts) => {
            return Err((sign_at, "a list is not compared: ask whether a text is in it with `in`".into()));
        }
        (left, right) => {
            let words = format!("{} is never compared with {}", left.words(), right.words());
            return Err((sign_at, words));
        }
    }
    if sign.by_size() && !matches!(types.0, Type::Number(..)) {
        return Err((sign_at, format!("only numbers are larger or smaller, and this is {}", types.0.words())));
    }
    Ok(Test::Compare(left, sign, right))
}

fn among(left: (usize, Part), list: (usize, Part)) -> Result<Test, Wrong> {
    let ((at, left), (list_at, list)) = (term(left)?, term(list)?);
    if type_of(&list) != Type::Texts {
        return Err((list_at, "`in` asks for a list such as `[\"en\", \"de\"]` or `entities`".into()));
    }
    match (type_of(&left), &list) {
        (Type::Text, _) => {}
        (Type::Label, Term::Texts(texts)) => {
            texts.iter().try_for_each(|text| labelled(list_at, &Term::Text(text.clone())))?;
        }
        (Type::Label, _) => {}
        (other, _) => return Err((at, format!("only a text is in a list, and this is {}", other.words()))),
    }
    Ok(Test::Among(left, list))
}

/// A number that the name beside it can be.
fn sized(name: &Term, at: usize, written: &Term) -> Result<(), Wrong> {
    let (Type::Number(least, most), Term::Name(name), Term::Number(number)) = (type_of(name), name, written) else {
        return Ok(());
    };
    if (f64::from(least)..=f64::from(most)).contains(number) {
        return Ok(());
    }
    let hint = match name {
        Name::Score => ": it says how strongly the label holds; `polarity` is from -1 (negative) to 1 (positive)",
        _ => "",
    };
    Err((at, format!("this number is from {least} to {most}, and never `{number}`{hint}")))
}

/// A text that can be a label.
fn labelled(at: usize, written: &Term) -> Result<(), Wrong> {
    match written {
        Term::Text(text) if !LABELS.iter().any(|label| label.word() == text) => {
            let known = LABELS.map(|label| format!("`{}`", label.word())).join(", ");
            Err((at, format!("no label is called `{}`; known: {known}", text.escape_debug())))
        }
        _ => Ok(()),
    }
}
