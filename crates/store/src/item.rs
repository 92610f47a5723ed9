//! Records as DynamoDB items.

/// The most bytes that an item has.
pub const SIZE: usize = 400 * 1024;
