output "vpc_id" {
  description = "The network."
  value       = aws_vpc.this.id
}

output "cidr_block" {
  description = "Its IPv4 addresses."
  value       = aws_vpc.this.cidr_block
}

# The routes are part of the promise: what starts in a private subnet before its NAT gateway is there cannot pull its image.
output "public_subnet_ids" {
  description = "Subnets whose members can have a public address."
  value       = [for subnet in aws_subnet.public : subnet.id]

  depends_on = [aws_route.public_ipv4, aws_route.public_ipv6, aws_route_table_association.public]
}

output "private_subnet_ids" {
  description = "Subnets that the internet cannot reach."
  value       = [for subnet in aws_subnet.private : subnet.id]

  depends_on = [aws_route.private_ipv4, aws_route.private_ipv6, aws_route_table_association.private, aws_vpc_endpoint.s3]
}
