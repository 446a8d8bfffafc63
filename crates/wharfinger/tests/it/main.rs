//! The tests that go through the doors of the program.

mod conformance;
