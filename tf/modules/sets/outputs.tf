output "sets" {
  description = "The sets that there are."
  value       = local.sets
}

output "next" {
  description = "The set that a breaking change goes over to; null where there is none."
  value       = local.next_set
}

output "weight" {
  description = "How many percent of the requests a set gets."
  value       = local.weight
}

output "suffix" {
  description = "What the names of a set's parts end with."
  value       = local.suffix
}

output "parts" {
  description = "By kind and key, the name and the set of every part. The key is the part's name in the output `slipway`."
  value = { for kind, names in var.names : kind => merge([for set in local.sets : {
    for name in names : "${name}${local.suffix[set]}" => { name = name, set = set }
  }]...) }
}
