//! Step Functions: the durable driver over `slipway-asl`.
