//! slipway-events
