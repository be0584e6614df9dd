//! What judges a text; an engine knows nothing of components.

pub mod headlines;
pub mod vader;
