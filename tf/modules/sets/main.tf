# The parts of a stack, once or twice: during a breaking change, a second set stands beside the first, with its own database and queues.
# In the normal case, all there is to know is that every part has a key and a set.

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
