//! The derived values of an environment, each with its reason and the page of AWS behind it.

use std::fmt;

use crate::plan::Reasons;

const DIM: &str = "\x1b[2m";
const END: &str = "\x1b[0m";

/// What `validate --explain` prints for an environment.
#[derive(Clone, Copy, Debug)]
pub struct Explanation<'a> {
    /// The environment.
    pub environment: &'a str,
    /// Its derived values.
    pub reasons: &'a Reasons,
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.environment)?;
        let mut of = "";
        for derived in &self.reasons.0 {
            if derived.of != of {
                of = &derived.of;
                write!(f, "\n  {of}")?;
            }
            write!(f, "\n    {} = {}", derived.what, derived.value)?;
            write!(f, "\n      {DIM}{}{END}", derived.why)?;
            if !derived.page.is_empty() {
                write!(f, "\n      {DIM}{}{END}", derived.page)?;
            }
        }
        Ok(())
    }
}
