//! The parts of `template.yaml` that local mode takes its resources from.
