variable "volumes" {
  description = "Folder of this machine in which the stack keeps its database. The environment gives it."
  type        = string
}

variable "copies" {
  description = "How many tasks serve the guestbook at a time."
  type        = number
  default     = 2

  validation {
    condition     = var.copies >= 1 && var.copies <= 10
    error_message = "A guestbook is served by 1 to 10 tasks."
  }
}

variable "port" {
  description = "Port of this machine on which the guestbook answers; null for one that is made from the stack's id."
  type        = number
  default     = null

  validation {
    condition     = var.port == null ? true : var.port >= 1024 && var.port <= 65535
    error_message = "The port is a number from 1024 to 65535."
  }
}
