//! slipway-local
