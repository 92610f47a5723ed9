// Answers of the API as a test wants them: in their form, with any text in every place that takes one.

const TIME = '2026-11-28T10:00:00Z';

export function stack(index, text = `stack-${index}`) {
  return {
    id: `lusab-bab${String(index).padStart(4, '0')}`, name: text, environment: text, owner: text, status: ['ready', 'failed', 'updating'][index % 3], revision: 1,
    blueprint: { name: text, version: '1.0.0' }, draft: 'replaced', variables: { [text]: text, nested: { [text]: [text] } }, endpoints: { [text]: text, web: `javascript:${text}` },
    notes: { [text]: text }, services: ['web', text], tasks: [text], subscriptions: { [text]: { repository: text, tags: text } },
    applied: { version: text, variables: { [text]: [text], gone: text } }, unsettled: { message: text, release: 1, services: [text], schedules: true, operation: text, since: TIME },
    quiesced: { services: [text], schedules: [text], operation: text, message: text },
    drift: { count: 1, resources: [text], looked_at: TIME, operation: text }, current_release: 1, last_release: 1, active_operation: null, operation_beside: null, created_at: TIME, updated_at: TIME,
  };
}

export function operation(text, resources = [{ address: text, action: 'delete' }], status = 'failed') {
  return {
    id: 'op-01kaj3v9mz5x0q8r2t4w6y7z9a', kind: 'update', stack: { id: 'lusab-babad', name: text }, environment: text, status, revision: 5, created_at: TIME, started_at: TIME,
    ended_at: status === 'failed' ? '2026-11-28T10:02:00Z' : null, requested_by: text, approved_by: text, approvals: [{ by: text, at: TIME, sheet: text, comment: text, denied: text }], approvals_required: 2, self_approval: false, approval_expires_at: TIME, decision: status === 'waiting_for_approval' ? null : text, position: null, blueprint: { name: text, version: text }, release: null, task: text, snapshot: null, waiting_for_build: text, cancel: null,
    steps: [{ name: 'Plan', started_at: TIME, ended_at: '2026-11-28T10:01:00Z', status: 'succeeded' }, { name: `Wait until stable: ${text}`, started_at: '2026-11-28T10:01:00Z', ended_at: '2026-11-28T10:02:00Z', status: 'failed' }],
    progress: { done: 1, total: 2, current: text },
    rollouts: [{ service: text, strategy: text, stage: text, percent: 5, pause: { expires_at: TIME, at_expiry: text, decision: null, decided_by: null } }],
    plan: { add: 0, change: 0, destroy: resources.length, replace: 0, import: 0, forget: 0, moved: 0, outputs_changed: true, resources, verdict: 'refused', refused_because: text, refused_by: text, refused_resources: [text] },
    ways_forward: [{ way: text, description: text, command: text, request: text }],
    drift: { count: 1, resources: resources.slice(-1) }, error: { name: text, step: text, message: text, address: text, log: text }, execution_arn: `arn:aws:states:eu-west-1:111122223333:execution:${text}`,
    links: {},
  };
}

export function release(text) {
  return { stack: text, number: 1, images: { web: text, [text]: text }, status: 'current', snapshot: text, last_operation: text, requested_by: text, created_at: TIME, ended_at: TIME };
}

export function blueprint(text) {
  const variable = { name: 'plain', type: 'string', type_text: text, required: true, default: text, nullable: true, description: text, sensitive: false, validations: [{ condition: text, error_message: text }] };
  return {
    name: text, version: '1.0.0', description: text, digest: `sha256:${text}`, published_at: TIME, next: null, draft: true,
    deprecation: { message: text, by: text, at: TIME }, versions: ['1.0.0', text], history: ['1.0.0', text].map((version) => ({ version, published_at: TIME, draft: true, deprecated: text })),
    variables: [variable, { ...variable, name: text, required: false }, { ...variable, name: 'tags', type: { map: 'string' }, default: { [text]: text }, required: false }],
  };
}

export function environment(text) {
  return { name: text, account: text, region: text, role: text, approval: text, approvals_required: 2, self_approval: false, approval_timeout_seconds: 60, approval_reminder_seconds: 300, protected: true, sandbox: true, references: { [text]: text }, variables: { [text]: text }, revision: 1 };
}

export function sourceAccount(text) {
  return { account: text, description: text, actions: [text], blueprints: [text], environments: [text], results: text, revision: 1 };
}

export function policies(text) {
  const one = { name: text, text: `@description("${text}")\n${text}`, effect: 'forbid', in_file: text, default: false, replaces_default: true, updated_by: text, updated_at: TIME };
  return { revision: 3, changed_by: text, changed_at: TIME, judges_plans: true, items: [one, { ...one, name: 'other', text: `forbid (principal, action, resource); ${text}`, default: true, replaces_default: false, updated_by: null, updated_at: null }] };
}

export function auditRecord(index, text) {
  return { time: TIME, actor: text, action: index % 2 ? 'update' : text, subject: index % 3 ? text : `stack/${text}`, operation: text, reason: text, before: { [text]: text }, after: text, chain: 1, sequence: index, hash: `sha256:${text}` };
}

export function deadLetter(text) {
  return { id: text, queue: text, since: TIME, type: text, account: text, error: text, reason: text };
}

/** An item of a plan with a change of each sort. */
export function planItem(text, more = {}) {
  const json = [{ path: text, before: text, after: { [text]: text } }];
  return {
    subject: 'resource', action: 'replace', address: text, type: text, previous_address: text, reason: text, replace_paths: [text], replace_order: text, import_id: text, deposed: text,
    trigger: { resource: text }, problems: [text], not_understood: text, provisioners: [text], hidden: true,
    attributes: [
      { path: text, before: text, after: text, forces_replacement: true },
      { path: 'list', before: [text], after: null },
      { path: 'secret', before_sensitive: true, after_sensitive: true },
      { path: 'later', before: text, after_unknown: true },
      { path: 'hidden', before: text, after: text, after_hidden: true },
      { path: 'lines', lines: [`+${text}`, `-${text}`, text] },
      { path: 'document', json },
      { path: 'long', before: text, after: text, after_cut: { bytes: 123_456, sha256: text } },
    ],
    ...more,
  };
}

export function sheet(text) {
  return {
    hash: `sha256:${text}`, decision: null, decided_by: text, blueprint: { version: text, previous_version: text }, variables: [{ name: text, before: text, after: { [text]: text } }, { name: text, sensitive: true }],
    plan: { drift_overwritten: 1, not_found: 1, provision: 1, checks_failed: 1, not_understood: [text], warnings: [text] }, destroy_count: 1, forget_count: 1,
    services: [{ name: text, action: 'update', image_before: text, image_after: text, attributes: planItem(text).attributes }],
    runs: { release: true, migrations: [text], backups: [text], snapshot: true, task: text }, policies: [{ policy: text, verdict: text, reason: text }],
    approval: { required: 2, self_approval: false, expires_at: TIME, required_by: [{ policy: text, reason: text }] },
    approvals_given: 1, approvals: [{ by: text, at: TIME, sheet: text, comment: text, denied: null, counts: true }, { by: text, at: TIME, sheet: null, comment: null, denied: text, counts: false }],
  };
}

/** A README with a text in each place that takes one, and as it is. */
export function readme(text) {
  const line = text.replaceAll('\n', ' ');
  return `${text}

# ${line}

###### ${line}

- ${line}
  - [${line}](${line}) and [a link](javascript:globalThis.__ran=1) and [${line}](https://docs.example/${line})
1. ![${line}](${line}) **${line}** *${line}* \`${line}\` <${line}> <img src=x onerror=globalThis.__ran=1>
> ${line}

| ${line} | b |
| --- | --- |
| ${line} | [![${line}](${line})](${line}) |

\`\`\`${line}
${text}
\`\`\`

<script>globalThis.__ran = 1</script> <!-- ${line}
${text}

    ${line}

${text}
===
${'> - '.repeat(30)}${line}
`;
}

const page = (items) => ({ items, next: null });

/** The answers by their paths, with one text everywhere. @returns {[RegExp, () => unknown][]} */
function answersOf(text) {
  return [
    [/^\/v1\/caller$/, () => ({ name: text(), admin: true, groups: [text()] })],
    [/^\/v1\/permissions$/, () => ({ actions: ['list', 'read', 'request-update', 'request-release', 'request-destroy', 'request-task', 'approve', 'reject', 'operate', 'configure', text()] })],
    [/^\/v1\/operations$/, () => page([{ ...operation(text()), ended_at: new Date().toISOString() }, { ...operation(text(), undefined, 'running'), id: 'op-2', error: null }])],
    [/^\/v1\/stacks$/, () => page([0, 1, 2].map((index) => stack(index, text())))],
    [/^\/v1\/stacks\/[^/]+$/, () => stack(1, text())],
    [/\/releases$/, () => page([{ ...release(text()), number: 3, status: 'releasing' }, release(text()), { ...release(text()), number: 2, status: 'failed' }])],
    [/\/releases\/\d+$/, () => release(text())],
    [/\/operations$/, () => page([operation(text()), { ...operation(text(), undefined, 'running'), id: 'op-2', error: null }])],
    [/\/logs$/, () => ({ lines: Array.from({ length: 30 }, () => ({ time: TIME, step: text(), message: text() })), after: 'x', ended: true })],
    [/\/plan$/, () => ({ items: ['resource', 'output', 'drift', 'check', 'action'].map((subject, index) => planItem(text(), { subject, deposed: String(index) })), total: 5, next: null })],
    [/\/sheet$/, () => sheet(text())],
    [/^\/v1\/operations\/op-waiting$/, () => operation(text(), undefined, 'waiting_for_approval')],
    [/^\/v1\/operations\/[^/]+$/, () => operation(text())],
    [/^\/v1\/blueprints$/, () => page([blueprint(text())])],
    [/\/readme$/, () => readme(text())],
    [/^\/v1\/blueprints\//, () => blueprint(text())],
    [/^\/v1\/policies$/, () => policies(text())],
    [/^\/v1\/dead-letters$/, () => ({ items: [deadLetter(text())], more: 1 })],
    [/^\/v1\/audit$/, () => ({ items: [0, 1, 2, 3].map((index) => auditRecord(index, text())), forged: [{ item: text(), why: text() }], next: 'more' })],
    [/^\/v1\/environments$/, () => ({ ...page([environment(text())]), unreadable: [text()] })],
    [/^\/v1\/source-accounts$/, () => ({ ...page([sourceAccount(text())]), unreadable: [text()] })],
  ];
}

/** The good answer at a path. */
export function answerAt(pathname, text) {
  return answersOf(text).find(([pattern]) => pattern.test(pathname))?.[1]();
}

/** Answers every request of the page under `/v1`, with one text everywhere. */
export async function answerWith(target, text) {
  const answers = answersOf(text);
  await target.route('**/v1/**', (route) => {
    const { pathname } = new URL(route.request().url());
    const found = answers.find(([pattern]) => pattern.test(pathname));
    if (pathname.endsWith('/readme')) return route.fulfill({ contentType: 'text/markdown', body: found?.[1]() });
    return found ? route.fulfill({ json: found[1]() }) : route.fulfill({ status: 404, json: { title: text(), detail: text(), status: 404 } });
  });
}
