variables {
  names       = { services = ["web", "api"], schedules = [] }
  primary_set = "a"
}

run "one_set_has_plain_names_and_all_requests" {
  assert {
    condition     = keys(output.parts.services) == ["api", "web"] && output.parts.services.web == { name = "web", set = "a" } && output.weight == { a = 100 } && output.next == null
    error_message = "A single set has no trace of a second one."
  }
}

run "two_sets_share_the_requests" {
  variables {
    side_by_side = { weight = 30 }
  }

  assert {
    condition     = keys(output.parts.services) == ["api", "api-b", "web", "web-b"] && output.weight == { a = 70, b = 30 } && output.next == "b"
    error_message = "The second set's parts have names of their own."
  }
}

run "after_the_change_the_second_set_is_the_only_one" {
  variables {
    primary_set = "b"
  }

  assert {
    condition     = keys(output.parts.services) == ["api-b", "web-b"] && output.parts.services["web-b"].set == "b" && output.weight == { b = 100 }
    error_message = "Its parts keep their names."
  }
}

run "there_is_no_third_set" {
  command = plan

  variables {
    primary_set = "c"
  }

  expect_failures = [var.primary_set]
}
