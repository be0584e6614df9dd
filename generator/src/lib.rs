//! fanggen.
