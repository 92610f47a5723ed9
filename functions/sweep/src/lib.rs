//! slipway-sweep
