# The parts of a stack, once or twice: while a breaking change goes over, a second set stands beside the first, with its own database
# and queues. Whoever reads the normal case needs to know of this module only that every part has a key and a set.

locals {
  # What the names of a set's parts end with.
  suffix = { a = "", b = "-b" }

  next_set = var.side_by_side == null ? null : { a = "b", b = "a" }[var.primary_set]
  sets     = toset(compact([var.primary_set, local.next_set]))

  # How much of the requests a set gets.
  weight = {
    for set in local.sets : set =>
    var.side_by_side == null ? 100 : set == local.next_set ? var.side_by_side.weight : 100 - var.side_by_side.weight
  }
}
