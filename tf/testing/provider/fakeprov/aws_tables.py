"""What replaces a common AWS resource, which defaults the real provider puts in, and what it checks at validate."""

# ------------------------------------------------------------------ what replaces a resource
FORCE_NEW = {k: tuple(v.split()) for k, v in {
    'aws_acm_certificate': 'domain_name subject_alternative_names validation_method certificate_authority_arn key_algorithm validation_option',
    'aws_acm_certificate_validation': 'certificate_arn validation_record_fqdns',
    'aws_ami_copy': 'source_ami_id source_ami_region encrypted kms_key_id',
    'aws_api_gateway_deployment': 'rest_api_id triggers variables', 'aws_api_gateway_resource': 'rest_api_id',
    'aws_api_gateway_method': 'rest_api_id resource_id http_method', 'aws_api_gateway_integration': 'rest_api_id resource_id http_method type',
    'aws_api_gateway_stage': 'rest_api_id stage_name', 'aws_apigatewayv2_api': 'protocol_type', 'aws_apigatewayv2_stage': 'api_id name',
    'aws_apigatewayv2_integration': 'api_id integration_type', 'aws_apigatewayv2_route': 'api_id',
    'aws_appautoscaling_policy': 'name resource_id scalable_dimension service_namespace',
    'aws_appautoscaling_target': 'resource_id scalable_dimension service_namespace',
    'aws_appautoscaling_scheduled_action': 'name resource_id scalable_dimension service_namespace',
    'aws_autoscaling_group': 'name name_prefix', 'aws_autoscaling_policy': 'name autoscaling_group_name',
    'aws_backup_vault': 'name kms_key_arn', 'aws_backup_selection': 'name plan_id iam_role_arn resources selection_tag condition not_resources',
    'aws_cloudfront_origin_access_control': 'name', 'aws_cloudfront_function': 'name', 'aws_cloudtrail': 'name',
    'aws_cloudwatch_event_bus': 'name event_source_name', 'aws_cloudwatch_event_rule': 'name name_prefix event_bus_name',
    'aws_cloudwatch_event_target': 'rule target_id event_bus_name', 'aws_cloudwatch_log_group': 'name name_prefix log_group_class',
    'aws_cloudwatch_log_stream': 'name log_group_name', 'aws_cloudwatch_log_subscription_filter': 'name log_group_name',
    'aws_cloudwatch_log_metric_filter': 'name log_group_name', 'aws_cloudwatch_metric_alarm': 'alarm_name',
    'aws_cloudwatch_composite_alarm': 'alarm_name', 'aws_cloudwatch_dashboard': 'dashboard_name', 'aws_codebuild_project': 'name',
    'aws_codepipeline': 'name', 'aws_cognito_user_pool': 'alias_attributes username_attributes', 'aws_cognito_user_pool_client': 'user_pool_id generate_secret',
    'aws_cognito_user_pool_domain': 'domain user_pool_id',
    'aws_db_instance': 'availability_zone character_set_name custom_iam_instance_profile db_name engine kms_key_id nchar_character_set_name storage_encrypted '
                       'timezone username snapshot_identifier identifier_prefix restore_to_point_in_time s3_import',
    'aws_db_subnet_group': 'name name_prefix', 'aws_db_parameter_group': 'name name_prefix family description', 'aws_db_option_group':
    'name name_prefix engine_name major_engine_version option_group_description', 'aws_db_proxy': 'engine_family vpc_subnet_ids',
    'aws_rds_cluster': 'cluster_identifier cluster_identifier_prefix availability_zones database_name db_subnet_group_name engine engine_mode kms_key_id '
                       'master_username storage_encrypted snapshot_identifier source_region',
    'aws_rds_cluster_instance': 'identifier identifier_prefix cluster_identifier engine availability_zone db_subnet_group_name',
    'aws_docdb_cluster': 'cluster_identifier cluster_identifier_prefix availability_zones engine kms_key_id master_username storage_encrypted db_subnet_group_name',
    'aws_dynamodb_table': 'name hash_key range_key local_secondary_index import_table', 'aws_ebs_volume': 'availability_zone encrypted kms_key_id snapshot_id',
    'aws_ecr_repository': 'name encryption_configuration', 'aws_ecr_lifecycle_policy': 'repository', 'aws_ecr_repository_policy': 'repository',
    'aws_ecs_cluster': 'name', 'aws_ecs_service': 'name cluster launch_type iam_role scheduling_strategy deployment_controller',
    'aws_ecs_task_definition': 'family container_definitions cpu memory execution_role_arn task_role_arn network_mode requires_compatibilities volume '
                               'placement_constraints ephemeral_storage runtime_platform proxy_configuration ipc_mode pid_mode enable_fault_injection',
    'aws_ecs_capacity_provider': 'name', 'aws_ecs_cluster_capacity_providers': 'cluster_name',
    'aws_efs_file_system': 'creation_token encrypted kms_key_id performance_mode availability_zone_name', 'aws_efs_access_point':
    'file_system_id posix_user root_directory', 'aws_efs_mount_target': 'file_system_id subnet_id ip_address',
    'aws_eip': 'domain network_border_group public_ipv4_pool', 'aws_eip_association': 'allocation_id instance_id network_interface_id',
    'aws_eks_cluster': 'name role_arn kubernetes_network_config bootstrap_self_managed_addons', 'aws_eks_node_group':
    'cluster_name node_group_name node_group_name_prefix node_role_arn subnet_ids instance_types ami_type capacity_type disk_size',
    'aws_elasticache_cluster': 'cluster_id engine subnet_group_name availability_zone port replication_group_id snapshot_arns snapshot_name '
                               'transit_encryption_enabled network_type',
    'aws_elasticache_replication_group': 'replication_group_id subnet_group_name port at_rest_encryption_enabled kms_key_id data_tiering_enabled network_type '
                                         'snapshot_arns snapshot_name security_group_names',
    'aws_elasticache_subnet_group': 'name', 'aws_elasticache_parameter_group': 'name family description', 'aws_elb': 'name internal',
    'aws_iam_role': 'name name_prefix path', 'aws_iam_policy': 'name name_prefix path description', 'aws_iam_instance_profile': 'name name_prefix path',
    'aws_iam_role_policy': 'name name_prefix role', 'aws_iam_role_policy_attachment': 'role policy_arn', 'aws_iam_user_policy_attachment': 'user policy_arn',
    'aws_iam_group_policy_attachment': 'group policy_arn', 'aws_iam_access_key': 'user pgp_key', 'aws_iam_openid_connect_provider': 'url',
    'aws_instance': 'ami availability_zone associate_public_ip_address subnet_id key_name private_ip placement_group tenancy security_groups '
                    'ipv6_addresses cpu_options ephemeral_block_device network_interface enclave_options '
                    'root_block_device.encrypted root_block_device.kms_key_id hibernation',
    'aws_internet_gateway': '', 'aws_key_pair': 'key_name key_name_prefix public_key', 'aws_kms_alias': 'name name_prefix',
    'aws_kms_key': 'customer_master_key_spec key_usage multi_region custom_key_store_id', 'aws_kinesis_stream': 'name',
    'aws_kinesis_firehose_delivery_stream': 'name destination', 'aws_lambda_function': 'function_name package_type', 'aws_lambda_alias': 'name function_name',
    'aws_lambda_permission': 'action function_name principal source_arn source_account statement_id statement_id_prefix qualifier event_source_token',
    'aws_lambda_event_source_mapping': 'event_source_arn starting_position queues topics', 'aws_lambda_layer_version': 
    'layer_name filename s3_bucket s3_key s3_object_version source_code_hash compatible_runtimes compatible_architectures description license_info',
    'aws_launch_template': 'name name_prefix', 'aws_launch_configuration': 'name name_prefix image_id instance_type',
    'aws_lb': 'name name_prefix internal load_balancer_type customer_owned_ipv4_pool', 'aws_lb_listener': 'load_balancer_arn',
    'aws_lb_listener_rule': 'listener_arn', 'aws_lb_listener_certificate': 'listener_arn certificate_arn',
    'aws_lb_target_group': 'name name_prefix port protocol protocol_version target_type vpc_id ip_address_type',
    'aws_lb_target_group_attachment': 'target_group_arn target_id port availability_zone', 'aws_msk_cluster': 'cluster_name',
    'aws_nat_gateway': 'allocation_id subnet_id connectivity_type private_ip', 'aws_network_acl': 'vpc_id', 'aws_network_interface': 'subnet_id',
    'aws_opensearch_domain': 'domain_name', 'aws_route': 'route_table_id destination_cidr_block destination_ipv6_cidr_block destination_prefix_list_id',
    'aws_route_table': 'vpc_id', 'aws_route_table_association': 'subnet_id gateway_id', 'aws_route53_record': 'zone_id name type set_identifier',
    'aws_route53_zone': 'name delegation_set_id', 'aws_route53_health_check': 'type reference_name request_interval measure_latency',
    'aws_s3_bucket': 'bucket bucket_prefix object_lock_enabled', 'aws_s3_bucket_policy': 'bucket', 'aws_s3_bucket_versioning': 'bucket',
    'aws_s3_bucket_public_access_block': 'bucket', 'aws_s3_bucket_server_side_encryption_configuration': 'bucket', 'aws_s3_bucket_lifecycle_configuration': 'bucket',
    'aws_s3_bucket_acl': 'bucket', 'aws_s3_bucket_ownership_controls': 'bucket', 'aws_s3_bucket_logging': 'bucket', 'aws_s3_bucket_cors_configuration': 'bucket',
    'aws_s3_bucket_website_configuration': 'bucket', 'aws_s3_bucket_notification': 'bucket', 'aws_s3_object': 'bucket key',
    'aws_scheduler_schedule': 'name name_prefix group_name', 'aws_scheduler_schedule_group': 'name name_prefix',
    'aws_secretsmanager_secret': 'name name_prefix', 'aws_secretsmanager_secret_version': 'secret_id secret_string secret_binary',
    'aws_secretsmanager_secret_rotation': 'secret_id', 'aws_security_group': 'name name_prefix description vpc_id',
    'aws_security_group_rule': 'security_group_id type protocol from_port to_port cidr_blocks ipv6_cidr_blocks prefix_list_ids self source_security_group_id',
    'aws_vpc_security_group_ingress_rule': 'security_group_id', 'aws_vpc_security_group_egress_rule': 'security_group_id',
    'aws_service_discovery_private_dns_namespace': 'name vpc', 'aws_service_discovery_service': 'name namespace_id',
    'aws_ses_domain_identity': 'domain', 'aws_ses_domain_dkim': 'domain', 'aws_ses_email_identity': 'email', 'aws_ses_domain_mail_from': 'domain',
    'aws_sesv2_email_identity': 'email_identity', 'aws_sfn_state_machine': 'name name_prefix type',
    'aws_sns_topic': 'name name_prefix fifo_topic', 'aws_sns_topic_subscription': 'topic_arn protocol endpoint', 'aws_sns_topic_policy': 'arn',
    'aws_sqs_queue': 'name name_prefix fifo_queue', 'aws_sqs_queue_policy': 'queue_url', 'aws_ssm_parameter': 'name',
    'aws_subnet': 'vpc_id cidr_block availability_zone availability_zone_id outpost_arn ipv6_native', 'aws_volume_attachment': 'device_name instance_id volume_id',
    'aws_vpc': 'cidr_block ipv4_ipam_pool_id ipv4_netmask_length', 'aws_vpc_endpoint': 'vpc_id service_name vpc_endpoint_type service_region',
    'aws_vpc_peering_connection': 'vpc_id peer_vpc_id peer_owner_id peer_region', 'aws_vpn_connection': 'type', 'aws_wafv2_web_acl': 'name name_prefix scope',
    'aws_wafv2_ip_set': 'name name_prefix scope ip_address_version', 'aws_wafv2_rule_group': 'name name_prefix scope capacity',
    'aws_wafv2_web_acl_association': 'resource_arn web_acl_arn', 'aws_ebs_snapshot': 'volume_id description', 'aws_flow_log':
    'traffic_type log_destination log_destination_type log_format iam_role_arn vpc_id subnet_id eni_id max_aggregation_interval destination_options',
    'aws_iam_user_policy': 'name user', 'aws_db_snapshot': 'db_instance_identifier db_snapshot_identifier',
    'aws_placement_group': 'name strategy', 'aws_customer_gateway': 'bgp_asn ip_address type', 'aws_ec2_transit_gateway_vpc_attachment': 'transit_gateway_id vpc_id',
    'aws_dynamodb_table_item': 'table_name hash_key range_key', 'aws_elasticache_user': 'user_id user_name engine', 'aws_elasticache_user_group': 'user_group_id',
}.items()}
for _a, _b in (('aws_alb', 'aws_lb'), ('aws_alb_listener', 'aws_lb_listener'), ('aws_alb_listener_rule', 'aws_lb_listener_rule'),
               ('aws_alb_target_group', 'aws_lb_target_group')):
    FORCE_NEW[_a] = FORCE_NEW[_b]

# ------------------------------------------------------------------ defaults of optional (not computed) arguments
DEFAULTS = {
    'aws_acm_certificate': {}, 'aws_appautoscaling_policy': {'policy_type': 'StepScaling'},
    'aws_autoscaling_group': {'force_delete': False, 'health_check_grace_period': 300, 'metrics_granularity': '1Minute', 'protect_from_scale_in': False,
                              'wait_for_capacity_timeout': '10m', 'ignore_failed_scaling_activities': False},
    'aws_cloudfront_distribution': {'is_ipv6_enabled': False, 'http_version': 'http2', 'price_class': 'PriceClass_All', 'retain_on_delete': False,
                                    'wait_for_deployment': True, 'staging': False, 'origin.connection_attempts': 3, 'origin.connection_timeout': 10,
                                    'default_cache_behavior.compress': False, 'viewer_certificate.minimum_protocol_version': 'TLSv1'},
    'aws_cloudtrail': {'enable_log_file_validation': False, 'enable_logging': True, 'include_global_service_events': True, 'is_multi_region_trail': False,
                       'is_organization_trail': False},
    'aws_cloudwatch_event_rule': {'event_bus_name': 'default', 'force_destroy': False, 'state': 'ENABLED'},
    'aws_cloudwatch_event_target': {'event_bus_name': 'default', 'force_destroy': False, 'ecs_target.task_count': 1, 'ecs_target.enable_ecs_managed_tags': False,
                                    'ecs_target.enable_execute_command': False, 'ecs_target.network_configuration.assign_public_ip': False},
    'aws_cloudwatch_log_group': {'retention_in_days': 0, 'skip_destroy': False},
    'aws_cloudwatch_metric_alarm': {'actions_enabled': True, 'treat_missing_data': 'missing'},
    'aws_codebuild_project': {'badge_enabled': False, 'build_timeout': 60, 'queued_timeout': 480, 'project_visibility': 'PRIVATE',
                              'environment.image_pull_credentials_type': 'CODEBUILD', 'environment.privileged_mode': False,
                              'environment.environment_variable.type': 'PLAINTEXT', 'cache.type': 'NO_CACHE', 'artifacts.encryption_disabled': False,
                              'artifacts.override_artifact_name': False, 'artifacts.bucket_owner_access': None},
    'aws_db_instance': {'auto_minor_version_upgrade': True, 'copy_tags_to_snapshot': False, 'customer_owned_ip_enabled': False,
                        'delete_automated_backups': True, 'deletion_protection': False, 'iam_database_authentication_enabled': False, 'max_allocated_storage': 0,
                        'monitoring_interval': 0, 'performance_insights_enabled': False, 'skip_final_snapshot': False, 'allow_major_version_upgrade': None},
    'aws_db_parameter_group': {'description': 'Managed by Terraform', 'parameter.apply_method': 'immediate', 'skip_destroy': False},
    'aws_db_subnet_group': {'description': 'Managed by Terraform'},
    'aws_rds_cluster': {'copy_tags_to_snapshot': False, 'delete_automated_backups': True, 'engine_mode': 'provisioned', 'skip_final_snapshot': False,
                        'enable_http_endpoint': False, 'backtrack_window': 0, 'iam_database_authentication_enabled': False},
    'aws_rds_cluster_instance': {'auto_minor_version_upgrade': True, 'copy_tags_to_snapshot': False, 'monitoring_interval': 0, 'promotion_tier': 0,
                                 'force_destroy': False},
    'aws_dynamodb_table': {'billing_mode': 'PROVISIONED', 'deletion_protection_enabled': False, 'table_class': 'STANDARD'},
    'aws_ecr_repository': {'image_tag_mutability': 'MUTABLE', 'encryption_configuration.encryption_type': 'AES256', 'force_delete': None},
    'aws_ecs_service': {'deployment_maximum_percent': 200, 'deployment_minimum_healthy_percent': 100, 'desired_count': 0, 'enable_ecs_managed_tags': False,
                        'enable_execute_command': False, 'scheduling_strategy': 'REPLICA', 'wait_for_steady_state': False, 'propagate_tags': '',
                        'deployment_controller.type': 'ECS', 'network_configuration.assign_public_ip': False},
    'aws_ecs_task_definition': {'skip_destroy': False, 'track_latest': False, 'volume.efs_volume_configuration.root_directory': '/'},
    'aws_efs_file_system': {'throughput_mode': 'bursting'}, 'aws_eip': {},
    'aws_elasticache_replication_group': {}, 'aws_elasticache_subnet_group': {'description': 'Managed by Terraform'},
    'aws_elb': {'cross_zone_load_balancing': True, 'idle_timeout': 60, 'connection_draining': False, 'connection_draining_timeout': 300, 'desync_mitigation_mode': 'defensive'},
    'aws_iam_role': {'force_detach_policies': False, 'max_session_duration': 3600, 'path': '/'}, 'aws_iam_policy': {'path': '/'},
    'aws_iam_instance_profile': {'path': '/'}, 'aws_iam_user': {'path': '/', 'force_destroy': False}, 'aws_iam_access_key': {'status': 'Active'},
    'aws_instance': {'get_password_data': False, 'source_dest_check': True, 'user_data_replace_on_change': False, 'force_destroy': False,
                     'root_block_device.delete_on_termination': True, 'ebs_block_device.delete_on_termination': True,},
    'aws_kms_key': {'bypass_policy_lockout_safety_check': False, 'customer_master_key_spec': 'SYMMETRIC_DEFAULT', 'enable_key_rotation': False,
                    'is_enabled': True, 'key_usage': 'ENCRYPT_DECRYPT'},
    'aws_kinesis_stream': {'encryption_type': 'NONE', 'retention_period': 24, 'enforce_consumer_deletion': False},
    'aws_lambda_function': {'memory_size': 128, 'package_type': 'Zip', 'publish': False, 'reserved_concurrent_executions': -1, 'skip_destroy': False, 'timeout': 3}, 'aws_lambda_event_source_mapping': {'enabled': True},
    'aws_lb': {'desync_mitigation_mode': 'defensive', 'drop_invalid_header_fields': False, 'enable_cross_zone_load_balancing': False,
               'enable_deletion_protection': False, 'enable_http2': True, 'enable_tls_version_and_cipher_suite_headers': False, 'enable_waf_fail_open': False,
               'enable_xff_client_port': False, 'idle_timeout': 60, 'load_balancer_type': 'application', 'preserve_host_header': False,
               'xff_header_processing_mode': 'append', 'client_keep_alive': 3600, 'enable_zonal_shift': False, 'access_logs.enabled': False},
    'aws_lb_listener': {'default_action.redirect.host': '#{host}', 'default_action.redirect.path': '/#{path}', 'default_action.redirect.port': '#{port}',
                        'default_action.redirect.protocol': '#{protocol}', 'default_action.redirect.query': '#{query}'},
    'aws_lb_listener_rule': {'action.redirect.host': '#{host}', 'action.redirect.path': '/#{path}', 'action.redirect.port': '#{port}',
                             'action.redirect.protocol': '#{protocol}', 'action.redirect.query': '#{query}'},
    'aws_lb_target_group': {'deregistration_delay': '300', 'lambda_multi_value_headers_enabled': False, 'proxy_protocol_v2': False, 'slow_start': 0,
                            'target_type': 'instance', 'health_check.enabled': True, 'health_check.healthy_threshold': 3, 'health_check.interval': 30,
                            'health_check.port': 'traffic-port', 'health_check.protocol': 'HTTP', 'health_check.unhealthy_threshold': 3,
                            'stickiness.cookie_duration': 86400, 'stickiness.enabled': True},
    'aws_nat_gateway': {'connectivity_type': 'public'}, 'aws_route53_record': {}, 'aws_route53_zone': {'comment': 'Managed by Terraform', 'force_destroy': False},
    'aws_s3_bucket': {'force_destroy': False}, 'aws_s3_bucket_public_access_block': {'block_public_acls': False, 'block_public_policy': False,
                                                                                    'ignore_public_acls': False, 'restrict_public_buckets': False},
    'aws_s3_bucket_notification': {'eventbridge': False}, 'aws_s3_object': {'force_destroy': False},
    'aws_scheduler_schedule': {'schedule_expression_timezone': 'UTC', 'state': 'ENABLED'},
    'aws_secretsmanager_secret': {'recovery_window_in_days': 30, 'force_overwrite_replica_secret': False},
    'aws_security_group': {'description': 'Managed by Terraform', 'revoke_rules_on_delete': False},
    'aws_security_group_rule': {'self': False}, 'aws_sfn_state_machine': {'publish': False, 'type': 'STANDARD'},
    'aws_sns_topic': {'content_based_deduplication': False, 'fifo_topic': False}, 'aws_sns_topic_subscription':
    {'confirmation_timeout_in_minutes': 1, 'endpoint_auto_confirms': False, 'raw_message_delivery': False},
    'aws_sqs_queue': {'content_based_deduplication': False, 'delay_seconds': 0, 'fifo_queue': False, 'message_retention_seconds': 345600,
                      'receive_wait_time_seconds': 0, 'visibility_timeout_seconds': 30},
    'aws_subnet': {'assign_ipv6_address_on_creation': False, 'enable_dns64': False, 'enable_resource_name_dns_a_record_on_launch': False,
                   'enable_resource_name_dns_aaaa_record_on_launch': False, 'ipv6_native': False, 'map_public_ip_on_launch': False},
    'aws_vpc': {'enable_dns_support': True, 'instance_tenancy': 'default'}, 'aws_vpc_endpoint': {'vpc_endpoint_type': 'Gateway'},
    'aws_flow_log': {'max_aggregation_interval': 600}, 'aws_elasticache_cluster': {'auto_minor_version_upgrade': 'true'},
    'aws_ebs_volume': {'final_snapshot': False}, 'aws_api_gateway_rest_api': {}, 'aws_api_gateway_method': {'api_key_required': False},
    'aws_apigatewayv2_api': {'api_key_selection_expression': '$request.header.x-api-key', 'disable_execute_api_endpoint': False,
                             'route_selection_expression': '$request.method $request.path'},
    'aws_apigatewayv2_stage': {'auto_deploy': False}, 'aws_service_discovery_service': {'force_destroy': False},
    'aws_cognito_user_pool': {'mfa_configuration': 'OFF'}, 'aws_opensearch_domain': {},
}
for _a, _b in (('aws_alb', 'aws_lb'), ('aws_alb_listener', 'aws_lb_listener'), ('aws_alb_target_group', 'aws_lb_target_group')):
    DEFAULTS[_a] = DEFAULTS[_b]

# blocks that AWS fills in when the configuration has none: {block: what one element holds besides null}
COMPUTED_BLOCKS = {
    'aws_instance': {
        'root_block_device': {'delete_on_termination': True, 'device_name': '/dev/xvda', 'encrypted': False, 'iops': 3000, 'kms_key_id': '',
                              'throughput': 125, 'volume_id': 'vol-{h17}', 'volume_size': 8, 'volume_type': 'gp3'},
        'metadata_options': {'http_endpoint': 'enabled', 'http_protocol_ipv6': 'disabled', 'http_put_response_hop_limit': 2, 'http_tokens': 'required',
                             'instance_metadata_tags': 'disabled'},
        'enclave_options': {'enabled': False}, 'maintenance_options': {'auto_recovery': 'default'},
        'private_dns_name_options': {'enable_resource_name_dns_a_record': False, 'enable_resource_name_dns_aaaa_record': False, 'hostname_type': 'ip-name'}},
    'aws_lb_target_group': {
        'health_check': {'enabled': True, 'healthy_threshold': 5, 'interval': 30, 'matcher': '200', 'path': '/', 'port': 'traffic-port', 'protocol': 'HTTP',
                         'timeout': 5, 'unhealthy_threshold': 2},
        'stickiness': {'cookie_duration': 86400, 'cookie_name': '', 'enabled': False, 'type': 'lb_cookie'}},
    'aws_eks_cluster': {
        'kubernetes_network_config': {'ip_family': 'ipv4', 'service_ipv4_cidr': '172.20.0.0/16', 'service_ipv6_cidr': ''},
        'access_config': {'authentication_mode': 'CONFIG_MAP', 'bootstrap_cluster_creator_admin_permissions': True}},
    'aws_ecs_cluster': {'setting': {'name': 'containerInsights', 'value': 'disabled'}},
    'aws_lambda_function': {'ephemeral_storage': {'size': 512}, 'logging_config': {'log_format': 'Text', 'log_group': '/aws/lambda/{name}',
                                                                                   'application_log_level': '', 'system_log_level': ''},
                            'tracing_config': {'mode': 'PassThrough'}},
    'aws_dynamodb_table': {'point_in_time_recovery': {'enabled': False}, 'ttl': {'enabled': False, 'attribute_name': '', }},
    'aws_nat_gateway': {},
}
COMPUTED_BLOCKS['aws_alb_target_group'] = COMPUTED_BLOCKS['aws_lb_target_group']

# what an update changes besides its arguments
UPDATE_UNKNOWN = {
    'aws_launch_template': ['latest_version'], 'aws_lambda_function': ['last_modified'], 'aws_ssm_parameter': ['version'],
    'aws_cloudfront_distribution': ['etag', 'last_modified_time'], 'aws_cloudfront_function': ['etag'], 'aws_s3_object': ['etag', 'version_id'],
    'aws_kinesis_firehose_delivery_stream': ['version_id'], 'aws_msk_cluster': ['current_version'], 'aws_backup_plan': ['version'],
}

# ------------------------------------------------------------------ checks that real `terraform validate` also makes
ENUMS = {
    'aws_lb.load_balancer_type': 'application gateway network', 'aws_lb.ip_address_type': 'ipv4 dualstack dualstack-without-public-ipv4',
    'aws_lb_target_group.target_type': 'instance ip lambda alb',
    'aws_lb_target_group.protocol': 'HTTP HTTPS GENEVE QUIC TCP TCP_QUIC TCP_UDP TLS UDP', 'aws_lb_listener.protocol': 'HTTP HTTPS GENEVE QUIC TCP TCP_QUIC TCP_UDP TLS UDP',
    'aws_lb_listener.default_action.type': 'forward authenticate-oidc authenticate-cognito redirect fixed-response jwt-validation',
    'aws_lb_listener.default_action.redirect.status_code': 'HTTP_301 HTTP_302',
    'aws_ecs_service.launch_type': 'EC2 FARGATE EXTERNAL MANAGED_INSTANCES', 'aws_ecs_service.scheduling_strategy': 'REPLICA DAEMON',
    'aws_ecs_task_definition.network_mode': 'bridge host awsvpc none', 'aws_s3_bucket_versioning.versioning_configuration.status': 'Enabled Suspended Disabled',
    'aws_s3_bucket_server_side_encryption_configuration.rule.apply_server_side_encryption_by_default.sse_algorithm': 'AES256 aws:fsx aws:kms aws:kms:dsse',
    'aws_s3_bucket_ownership_controls.rule.object_ownership': 'BucketOwnerPreferred ObjectWriter BucketOwnerEnforced',
    'aws_cloudwatch_metric_alarm.comparison_operator': 'GreaterThanOrEqualToThreshold GreaterThanThreshold LessThanThreshold LessThanOrEqualToThreshold '
                                                       'LessThanLowerOrGreaterThanUpperThreshold LessThanLowerThreshold GreaterThanUpperThreshold',
    'aws_cloudwatch_metric_alarm.statistic': 'SampleCount Average Sum Minimum Maximum', 'aws_cloudwatch_metric_alarm.treat_missing_data':
    'breaching notBreaching ignore missing', 'aws_dynamodb_table.billing_mode': 'PROVISIONED PAY_PER_REQUEST', 'aws_dynamodb_table.attribute.type': 'B N S',
    'aws_ecr_repository.image_tag_mutability': 'MUTABLE IMMUTABLE IMMUTABLE_WITH_EXCLUSION MUTABLE_WITH_EXCLUSION',
    'aws_ssm_parameter.type': 'String StringList SecureString', 'aws_scheduler_schedule.flexible_time_window.mode': 'OFF FLEXIBLE',
    'aws_scheduler_schedule.state': 'ENABLED DISABLED', 'aws_eip.domain': 'vpc standard', 'aws_nat_gateway.connectivity_type': 'private public',
    'aws_vpc_endpoint.vpc_endpoint_type': 'Gateway Interface GatewayLoadBalancer Resource ServiceNetwork', 'aws_route53_record.type':
    'A AAAA CAA CNAME DS HTTPS MX NAPTR NS PTR SOA SPF SRV SSHFP SVCB TLSA TXT', 'aws_kms_key.key_usage': 'SIGN_VERIFY ENCRYPT_DECRYPT GENERATE_VERIFY_MAC KEY_AGREEMENT',
    'aws_appautoscaling_policy.policy_type': 'StepScaling TargetTrackingScaling PredictiveScaling', 'aws_sns_topic_subscription.protocol':
    'application email email-json firehose http https lambda sms sqs', 'aws_lambda_function.package_type': 'Zip Image',
    'data.aws_iam_policy_document.statement.effect': 'Allow Deny', 'data.aws_iam_policy_document.version': '2008-10-17 2012-10-17',
    'aws_security_group_rule.type': 'ingress egress', 'aws_acm_certificate.validation_method': 'DNS EMAIL NONE', 'aws_vpc.instance_tenancy': 'default dedicated',
    'aws_cloudfront_distribution.default_cache_behavior.viewer_protocol_policy': 'allow-all https-only redirect-to-https',
}
JSON_ARGS = {'aws_iam_role': ['assume_role_policy'], 'aws_iam_policy': ['policy'], 'aws_iam_role_policy': ['policy'], 'aws_iam_user_policy': ['policy'],
             'aws_iam_group_policy': ['policy'], 'aws_s3_bucket_policy': ['policy'], 'aws_sqs_queue_policy': ['policy'], 'aws_sqs_queue':
             ['policy', 'redrive_policy', 'redrive_allow_policy'], 'aws_sns_topic_policy': ['policy'], 'aws_kms_key': ['policy'], 'aws_ecr_lifecycle_policy':
             ['policy'], 'aws_ecr_repository_policy': ['policy'], 'aws_cloudwatch_event_rule': ['event_pattern'], 'aws_cloudwatch_dashboard': ['dashboard_body'],
             'aws_secretsmanager_secret_policy': ['policy'], 'aws_vpc_endpoint': ['policy'], 'aws_sfn_state_machine': ['definition']}
CIDR_ARGS = {'aws_vpc': ['cidr_block'], 'aws_subnet': ['cidr_block'], 'aws_route': ['destination_cidr_block'],
             'aws_vpc_security_group_ingress_rule': ['cidr_ipv4'], 'aws_vpc_security_group_egress_rule': ['cidr_ipv4']}
EXACTLY_ONE = {'aws_lb': [['subnet_mapping', 'subnets']], 'aws_alb': [['subnet_mapping', 'subnets']], 'aws_route_table_association': [['gateway_id', 'subnet_id']],
               'aws_lambda_function': [['filename', 'image_uri', 's3_bucket']]}
AT_LEAST_ONE = {'aws_instance': [['ami', 'launch_template'], ['instance_type', 'launch_template']],
                'aws_security_group_rule': [['cidr_blocks', 'ipv6_cidr_blocks', 'prefix_list_ids', 'self', 'source_security_group_id']]}
RETENTION = (0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
RANGES = {  # argument: (low, high)
    'aws_sqs_queue.visibility_timeout_seconds': (0, 43200), 'aws_sqs_queue.message_retention_seconds': (60, 1209600), 'aws_sqs_queue.delay_seconds': (0, 900),
    'aws_sqs_queue.receive_wait_time_seconds': (0, 20), 'aws_lambda_function.timeout': (1, 900), 'aws_lb_target_group.port': (1, 65535),
    'aws_lb_listener.port': (1, 65535), 'aws_iam_role.max_session_duration': (3600, 43200), 'aws_db_instance.backup_retention_period': (0, 35),
}

# computed arguments inside blocks
NESTED = {
    'aws_instance.root_block_device.device_name': '/dev/xvda', 'aws_instance.root_block_device.volume_id': 'vol-{h17}', 'aws_instance.root_block_device.volume_size': 8,
    'aws_instance.root_block_device.volume_type': 'gp3', 'aws_instance.root_block_device.iops': 3000, 'aws_instance.root_block_device.throughput': 125,
    'aws_instance.root_block_device.encrypted': False, 'aws_instance.root_block_device.kms_key_id': '', 'aws_instance.ebs_block_device.volume_id': 'vol-{h17}',
    'aws_instance.ebs_block_device.kms_key_id': '', 'aws_instance.ebs_block_device.snapshot_id': '', 'aws_instance.metadata_options.http_endpoint': 'enabled',
    'aws_instance.metadata_options.http_tokens': 'optional', 'aws_instance.metadata_options.http_put_response_hop_limit': 1,
    'aws_instance.metadata_options.instance_metadata_tags': 'disabled', 'aws_instance.metadata_options.http_protocol_ipv6': 'disabled',
    'aws_lb_target_group.health_check.matcher': '200', 'aws_lb_target_group.health_check.path': '/', 'aws_lb_target_group.health_check.timeout': 5,
    'aws_alb_target_group.health_check.matcher': '200', 'aws_alb_target_group.health_check.path': '/', 'aws_alb_target_group.health_check.timeout': 5,
    'aws_lb.subnet_mapping.outpost_id': '', 'aws_ecr_repository.encryption_configuration.kms_key': '', 'aws_lb_listener.default_action.order': 1,
    'aws_lb_listener_rule.action.order': 1, 'aws_route53_zone.vpc.vpc_region': '{region}', 'aws_s3_bucket_server_side_encryption_configuration.rule.blocked_encryption_types': [],
    'aws_s3_bucket_versioning.versioning_configuration.mfa_delete': '', 'aws_eks_cluster.vpc_config.cluster_security_group_id': 'sg-{h17}',
    'aws_eks_cluster.kubernetes_network_config.service_ipv4_cidr': '172.20.0.0/16', 'aws_eks_cluster.kubernetes_network_config.ip_family': 'ipv4',
    'aws_eks_cluster.kubernetes_network_config.service_ipv6_cidr': '', 'aws_eks_cluster.access_config.authentication_mode': 'API_AND_CONFIG_MAP',
    'aws_eks_cluster.vpc_config.vpc_id': 'vpc-{h17}', 'aws_eks_cluster.vpc_config.public_access_cidrs': ['0.0.0.0/0'], 'aws_dynamodb_table.server_side_encryption.kms_key_arn': '',
    'aws_lambda_function.vpc_config.vpc_id': 'vpc-{h17}', 'aws_opensearch_domain.ebs_options.iops': 3000, 'aws_opensearch_domain.ebs_options.throughput': 125,
    'aws_opensearch_domain.ebs_options.volume_type': 'gp3', 'aws_ecs_service.service_connect_configuration.namespace': '',
    'aws_launch_template.metadata_options.http_endpoint': 'enabled', 'aws_launch_template.metadata_options.http_tokens': 'optional',
    'aws_launch_template.metadata_options.http_put_response_hop_limit': 1, 'aws_launch_template.metadata_options.http_protocol_ipv6': 'disabled',
    'aws_launch_template.metadata_options.instance_metadata_tags': 'disabled', 'aws_launch_template.block_device_mappings.ebs.iops': 3000,
    'aws_launch_template.block_device_mappings.ebs.throughput': 125, 'aws_launch_template.block_device_mappings.ebs.volume_type': 'gp3',
    'aws_launch_template.block_device_mappings.ebs.volume_size': 8,
}
