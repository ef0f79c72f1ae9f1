//! Compiles a graph specification into a schedule by named passes.
