// What the API answers, as far as the console reads it: `/openapi.json` has the whole of it. For `tsc`; nothing of this is served.

export type Kind =
  | 'any' | 'string' | 'number' | 'bool'
  | { list: Kind } | { set: Kind } | { map: Kind } | { tuple: Kind[] }
  | { object: Record<string, Attribute> };

export interface Attribute { type: Kind; optional: boolean; default?: unknown; }
export interface Validation { condition: string; error_message: string; }
export interface Variable {
  name: string; type: Kind; type_text: string; required: boolean; default?: unknown; default_expression?: string; nullable: boolean;
  description: string; sensitive: boolean; validations: Validation[];
}
export interface BlueprintSummary { name: string; description: string; version: string; draft: boolean; published_at: string; published_by?: string | null; }
export interface VersionSummary { version: string; published_at: string; draft: boolean; deprecated: string | null; }
export interface Blueprint extends BlueprintSummary {
  digest: string; variables: Variable[]; deprecation: { message: string; by: string; at: string } | null;
  versions?: string[]; history?: VersionSummary[]; next?: string | null;
}
export interface Environment {
  name: string; account: string; region: string; role: string | null; approval: string; approvals_required: number;
  self_approval: boolean; approval_timeout_seconds: number; approval_reminder_seconds: number; protected: boolean; sandbox: boolean;
  variables: Record<string, unknown>; references: Record<string, string>; revision: number;
}
export interface SourceAccount {
  account: string; description: string; actions: string[]; blueprints: string[]; environments: string[]; results: string | null;
}
export interface Stack {
  id: string; name: string; environment: string; owner: string; status: string; revision: number;
  blueprint: { name: string; version: string };
  /** Null if its files are final. */
  draft: 'current' | 'replaced' | 'discarded' | null;
  /** Null in lists, and for callers who may list the stack and not read it. */
  variables?: Record<string, unknown> | null; applied?: { version: string; variables: Record<string, unknown> } | null;
  /** These are empty, and those below null, for callers who may not read the stack. */
  endpoints: Record<string, string>; notes: Record<string, string>; services: string[]; tasks: string[];
  subscriptions: Record<string, { repository: string; tags: string }>;
  drift: { count: number; resources: string[]; looked_at: string; operation: string } | null;
  unsettled: { message: string; release: number; services: string[]; schedules: boolean; operation: string; since: string } | null;
  /** Null in lists. */
  quiesced: { services: string[]; schedules: string[]; operation: string; message: string } | null;
  current_release: number | null; last_release: number; active_operation: string | null; operation_beside: string | null;
  created_at: string; updated_at: string;
}
export interface Release {
  number: number; images: Record<string, string>; status: string; snapshot: string | null; last_operation: string;
  requested_by: string; created_at: string; ended_at: string | null;
}
export interface Step { name: string; started_at: string; ended_at: string | null; status: string; }
export interface ResourceChange { address: string; action: string; }
export interface Plan {
  add: number; change: number; destroy: number; replace: number; import: number; forget: number; moved: number; invoke?: number; deferred?: number;
  outputs_changed: boolean; services?: string[]; resources: ResourceChange[]; verdict: string | null; refused_because: string | null; refused_by: string | null; refused_resources: string[];
}
export interface Cut { bytes: number; sha256: string; }
export interface AttributeChange {
  path: string; before?: unknown; after?: unknown; after_unknown?: boolean; before_sensitive?: boolean; after_sensitive?: boolean;
  before_hidden?: boolean; after_hidden?: boolean; path_hidden?: boolean; forces_replacement?: boolean; lines?: string[]; json?: AttributeChange[]; before_cut?: Cut; after_cut?: Cut;
}
export interface PlanItem {
  subject: string; action?: string; address: string; type?: string; previous_address?: string; deposed?: string; reason?: string;
  replace_paths?: string[]; replace_order?: string; import_id?: string; attributes?: AttributeChange[];
  trigger?: { resource?: string }; overwritten?: boolean; status?: string; problems?: string[]; not_understood?: string; part?: number; provisioners?: string[]; hidden?: boolean;
}
export interface DangerousStatement { migration: string; file: string; line: number; column: number; rule: string; message: string; remedy: string; }
export interface Sheet {
  hash: string; decision?: string; decided_by?: string; blueprint: { version: string; previous_version?: string };
  variables: { name: string; before?: unknown; after?: unknown; sensitive?: boolean }[];
  subscriptions?: { service: string; before?: { repository: string; tags: string }; after?: { repository: string; tags: string } }[];
  plan: { drift_overwritten: number; not_found?: number; provision?: number; invoke?: number; checks_failed: number; not_understood?: string[]; warnings?: string[]; cost?: { before_cents: number; after_cents: number; without_price: number; prices_of: string; prices_in: string } };
  destroy_count: number; forget_count: number;
  services: { name: string; action?: string; image_before?: string; image_after?: string; attributes?: AttributeChange[] }[];
  runs: { release: boolean; migrations?: string[]; backups?: string[]; snapshot: boolean; task?: string; dangerous?: DangerousStatement[]; dangerous_count?: number };
  policies: { policy: string; verdict: string; reason: string }[];
  approval?: { required: number; self_approval: boolean; expires_at: string; required_by: { policy: string; reason: string }[] };
  approvals_given: number; approvals: { by: string; at: string; sheet: string | null; comment: string | null; denied: string | null; counts: boolean }[];
}
export interface Failure { name: string; step: string; message: string; address: string | null; }
export interface Rollout {
  service: string; strategy: string; stage: string | null; percent: number | null;
  pause: { expires_at: string | null; at_expiry: string; decision: string | null; decided_by: string | null } | null;
}
export interface Operation {
  id: string; kind: string; stack: { id: string; name: string }; environment: string; status: string; revision: number;
  created_at: string; started_at: string | null; ended_at: string | null; requested_by: string; approved_by: string | null;
  approvals: { by: string; at: string; sheet: string | null; comment: string | null; denied: string | null }[]; approvals_required: number | null;
  self_approval: boolean | null; approval_expires_at: string | null; decision: string | null;
  position: number | null; blueprint: { name: string; version: string }; release: number | null; task: string | null;
  snapshot: { id: string; taken_at: string | null } | null; waiting_for_build: string | null;
  cancel: { requested_by: string; requested_at: string; acknowledged_at: string | null } | null;
  steps: Step[]; progress: { done: number; total: number; current: string | null } | null; plan: Plan | null; rollouts: Rollout[];
  ways_forward: { way: string; description: string; command: string; request: string }[];
  drift: { count: number; resources: ResourceChange[] } | null; error: Failure | null; execution_arn: string | null;
  links: { approve?: string; reject?: string; continue?: string; roll_back?: string; cancel?: string; console?: string; log?: string };
}
export interface Policy {
  name: string; text: string; effect: 'permit' | 'forbid' | 'off'; in_file: string; default: boolean; replaces_default: boolean; updated_by: string | null; updated_at: string | null;
}
export interface Policies { revision: number; changed_by: string | null; changed_at: string | null; judges_plans: boolean; items: Policy[]; }
export interface DeadLetter {
  id: string; queue: string; since: string | null; type: string | null; account: string | null; error: string | null; reason: string | null;
}
export interface AuditRecord {
  time: string; actor: string; action: string; subject: string; operation: string | null; reason: string | null;
  before: unknown; after: unknown; chain: number; sequence: number; hash: string;
}
export interface AuditPage extends Page<AuditRecord> { forged: { item: string; why: string }[]; }
export interface LogLine { time: string; step: string; message: string; }
export interface LogLines { lines: LogLine[]; after: string; ended: boolean; }
export interface Page<T> { items: T[]; next: string | null; unreadable?: string[]; }
