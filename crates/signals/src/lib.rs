//! Test signals and comparison, without dependencies.
