//! slipway-steps
