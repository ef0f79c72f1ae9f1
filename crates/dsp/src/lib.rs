//! SIMD kernels, filters, envelopes, metering and deterministic maths, each with a scalar reference.
