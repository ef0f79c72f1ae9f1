//! Integration harness: graph generators, oracles, seeded faults.
