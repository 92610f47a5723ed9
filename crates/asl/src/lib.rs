//! slipway-asl
