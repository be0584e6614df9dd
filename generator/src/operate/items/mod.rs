//! The items of a source, wherever they are kept: read, and edited one by one.

pub mod edit;
mod error;
pub mod file_edit;
mod given_item;
pub mod input;
pub mod local_file;
mod mistakes;
pub mod selection;
#[cfg(feature = "aws")]
pub mod table;
#[cfg(feature = "aws")]
pub mod uploaded_file;

pub use error::ItemsEditError;
