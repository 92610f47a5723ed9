// What a plan changes, resource by resource: deletes first, grouped by module, searchable, with the attributes of each.

import { Problem, get } from './api.js';
import { ATTRIBUTES, attributeList } from './attributes.js';
import { count, counted, own } from './format.js';
import { element, html, island, render } from './html.js';
import { planCounts } from './parts.js';
import { problemPanel } from './problem.js';
import { flag, list, number, object, optional, page, text } from './shapes.js';

/** @typedef {import('./types').PlanItem} PlanItem */

/** What matters most comes first. @type {Record<string, [string, string]>} */
const SIGNS = {
  unknown: ['?', 'not understood'],
  delete: ['−', 'delete'],
  replace: ['±', 'replace'],
  forget: ['⇤', 'forget'],
  invoke: ['▸', 'invoke'],
  update: ['~', 'change'],
  create: ['+', 'create'],
  import: ['⇥', 'import'],
  move: ['→', 'move'],
  read: ['↓', 'read'],
};
const ORDER = Object.keys(SIGNS);
/** What loses something: these are listed before all groups, whichever module they are in. */
const LOSING = ['unknown', 'delete', 'replace', 'forget', 'invoke'];
/** @type {Record<string, string>} */
const SUBJECTS = { action: 'Actions', deferred_resource: 'Deferred to a later plan', deferred_action: 'Actions deferred to a later plan', output: 'Outputs', drift: 'Changed outside Terraform', check: 'Checks' };
/** @type {Record<string, string>} */
const REPLACEMENTS = { delete_then_create: 'destroyed first, then created', create_then_delete: 'created first, then destroyed', create_then_forget: 'created first, then forgotten', forget_then_create: 'forgotten first, then created' };
/** Terraform's reasons, in words. One of a later version stays as it is. @type {Record<string, string>} */
const REASONS = {
  replace_because_cannot_update: 'a changed attribute forces replacement',
  replace_because_tainted: 'the resource is tainted',
  replace_by_request: 'its replacement was requested',
  replace_by_triggers: 'a resource in its replace_triggered_by changes',
  delete_because_no_resource_config: 'the configuration no longer has the resource',
  delete_because_no_module: 'the configuration no longer has its module',
  delete_because_wrong_repetition: 'its count or for_each was added or removed',
  delete_because_count_index: 'its index is beyond the new count',
  delete_because_each_key: 'its key is no longer in for_each',
  delete_because_no_move_target: 'the target of its move does not exist',
  read_because_config_unknown: 'its configuration is known after the apply',
  read_because_dependency_pending: 'a resource that it depends on changes',
  read_because_check_nested: 'a check reads it',
  instance_count_unknown: 'the number of its instances is not known yet',
  resource_config_unknown: 'its configuration is not known yet',
  provider_config_unknown: 'the configuration of its provider is not known yet',
  absent_prereq: 'a prerequisite does not exist yet',
  deferred_prereq: 'a prerequisite is deferred',
};
/** How many items a group shows until it is asked for all. */
const FIRST = 100;
/** How many items are read at most. */
const MOST = 20_000;
/** Up to how many changes that lose something are open from the start. */
const OPEN = 8;

const texts = optional(list(text));
/** @type {import('./shapes.js').Shape<import('./types').PlanItem>} */
const planItem = object({
  subject: text, action: optional(text), address: text, type: optional(text), previous_address: optional(text), deposed: optional(text), reason: optional(text),
  replace_paths: texts, replace_order: optional(text), import_id: optional(text), attributes: ATTRIBUTES, trigger: optional(object({ resource: optional(text) })), overwritten: optional(flag),
  status: optional(text), problems: texts, not_understood: optional(text), part: optional(number), provisioners: texts, hidden: optional(flag),
});
const PLAN_ITEMS = page(planItem);

/** The module that an address is in: `module.a["x"].module.b`, or nothing for the root. @param {string} address */
export function moduleOf(address) {
  return /^(?:module\.[^.[]+(?:\[(?:"(?:\\.|[^"\\])*"|\d+)\])?\.)*/.exec(address)?.[0].replace(/\.$/, '') ?? '';
}

/** @param {PlanItem[]} items @returns {PlanItem[]} */
export function sorted(items) {
  const rank = (/** @type {PlanItem} */ { action }) => (action && ORDER.includes(action) ? ORDER.indexOf(action) : ORDER.length);
  return [...items].sort((a, b) => rank(a) - rank(b) || a.address.localeCompare(b.address, 'en', { numeric: true }));
}

/** @param {PlanItem} item */
function keyOf(item) {
  return `${item.subject} ${item.address} ${item.deposed ?? ''}`;
}

/** Puts the parts of a long item together. @param {PlanItem[]} items */
function whole(items) {
  /** @type {PlanItem[]} */
  const found = [];
  for (const item of items) {
    const last = found.at(-1);
    if (last && (item.part ?? 1) > 1 && keyOf(last) === keyOf(item)) last.attributes = [...(last.attributes ?? []), ...(item.attributes ?? [])];
    else found.push({ ...item });
  }
  return found;
}

/** All items of a plan; null where the API has its summary alone. @param {string} operation @param {AbortSignal} signal @returns {Promise<PlanItem[] | null>} */
async function read(operation, signal) {
  /** @type {PlanItem[]} */
  const items = [];
  let after;
  do {
    try {
      /** @type {import('./types').Page<PlanItem>} */
      const page = await get(`/v1/operations/${operation}/plan`, PLAN_ITEMS, { limit: 100, after }, signal);
      items.push(...page.items);
      after = page.next ?? undefined;
    } catch (error) {
      if (error instanceof Problem && error.status === 404) return null;
      throw error;
    }
  } while (after && items.length < MOST);
  return whole(items);
}

/** A pane that shows a plan once there is one. @param {string} operation @param {AbortSignal} signal */
export function planPane(operation, signal) {
  /** @type {import('./types').Plan | null} */
  let plan = null;
  /** @type {PlanItem[]} */
  let items = [];
  let wanted = '';
  let loading = false;
  /** @type {unknown} */
  let problem = null;
  /** @type {Set<string>} */
  const all = new Set();
  /** @type {Set<string>} */
  const opened = new Set();
  const pane = island(element(html`<div class="plan-pane"></div>`));

  async function load() {
    loading = true;
    problem = null;
    draw();
    try {
      const found = await read(operation, signal);
      if (found) items = found;
      const losing = items.filter(loses);
      if (losing.length <= OPEN) for (const one of losing) opened.add(keyOf(one));
    } catch (error) {
      if (signal.aborted) return;
      problem = error;
    }
    loading = false;
    draw();
  }

  /** @param {PlanItem} item */
  function row(item) {
    const [sign, verb] = item.subject === 'drift' && loses(item) ? ['−', 'not found'] : own(SIGNS, item.action ?? '') ?? (item.subject === 'check' ? ['✓', item.status ?? ''] : ['', '']);
    const module = item.subject === 'resource' && !loses(item) ? moduleOf(item.address) : '';
    const local = module ? item.address.slice(module.length + 1) : item.address;
    const key = keyOf(item);
    const line = html`<span class="sign" aria-hidden="true">${sign}</span><span class="hush">${verb} </span><code>${local}</code><span class="verb" aria-hidden="true">${verb}</span>`;
    if (!hasMore(item)) return html`<li class="plain" data-action=${item.action ?? ''} data-key=${key}>${line}</li>`;
    const open = opened.has(key);
    return html`<li data-action=${item.action ?? ''} data-key=${key}><details open=${open} @toggle=${(/** @type {any} */ event) => {
      if (event.target.open === opened.has(key)) return;
      if (event.target.open) opened.add(key);
      else opened.delete(key);
      draw();
    }}><summary>${line}</summary>${open ? more(item) : null}</details></li>`;
  }

  /** @param {boolean} open */
  function fold(open) {
    if (open) for (const item of items.filter(hasMore).slice(0, 500)) opened.add(keyOf(item));
    else opened.clear();
    for (const one of pane.querySelectorAll('.changes details')) /** @type {HTMLDetailsElement} */ (one).open = open;
    draw();
  }

  function draw() {
    if (!plan) return render(pane, html`<p class="muted pad">Terraform has not planned yet.</p>`);
    const query = wanted.toLowerCase();
    const ordered = sorted(items);
    const matching = query ? ordered.filter((one) => `${one.address} ${own(SIGNS, one.action ?? '')?.[1] ?? ''} ${one.type ?? ''}`.toLowerCase().includes(query)) : ordered;
    const changes = plan.add + plan.change + plan.destroy + plan.replace + plan.import + plan.forget + plan.moved;
    const losing = matching.filter(loses);
    const resources = items.filter((one) => one.subject === 'resource').length;
    const others = Object.keys(SUBJECTS).map((subject) => /** @type {[string, PlanItem[]]} */ ([subject, matching.filter((one) => one.subject === subject && !loses(one))])).filter(([, found]) => found.length);
    return render(pane, html`
      <div class="plan-head">${planCounts(plan)}${items.length > 5 ? html`<label class="hush" for="plan-filter">Filter resources</label>
        <input id="plan-filter" type="search" placeholder="Filter resources" .value=${wanted} @input=${(/** @type {any} */ event) => {
          wanted = event.target.value;
          draw();
        }}><span class="muted" role="status">${query ? `${count(matching.length)} of ${count(items.length)}` : ''}</span>` : null}
        <span class="grow"></span>${items.some(hasMore) ? html`<button type="button" class="small quiet" @click=${() => fold(opened.size === 0)}>${opened.size === 0 ? 'Expand' : 'Collapse'}</button>` : null}</div>
      ${plan.refused_because ? html`<div class="note" data-tone="bad"><strong>Refused by <code>${plan.refused_by}</code></strong><p class="message">${plan.refused_because}</p></div>` : null}
      ${problem ? problemPanel(problem, load) : null}
      ${losing.length ? group('losing', null, losing, query) : null}
      ${grouped(matching.filter((one) => one.subject === 'resource' && !loses(one))).map(([module, found]) => group(`module-${module}`, module ? html`<code>${module}</code>` : null, found, query))}
      ${others.map(([subject, found]) => group(`subject-${subject}`, SUBJECTS[subject], found, query))}
      ${loading ? html`<p class="muted pad">Reading the plan…</p>` : changes > resources && !problem ? html`<p class="note" data-tone="wait">${counted(changes - resources, 'more change is', 'more changes are')} in the plan, and not in this list.</p>` : null}`);
  }

  /** @param {string} key @param {unknown} heading @param {PlanItem[]} found @param {string} query */
  function group(key, heading, found, query) {
    const shown = all.has(key) || query ? found.slice(0, 2_000) : found.slice(0, FIRST);
    const list = html`<ul class="changes">${shown.map(row)}</ul>${
      shown.length < found.length ? html`<p class="pad"><button type="button" class="small" @click=${() => {
        all.add(key);
        draw();
      }}>Show all ${count(found.length)}</button></p>` : null}`;
    if (!heading) return html`<div data-key=${key}>${list}</div>`;
    return html`<details class="module" data-key=${key} open><summary>${heading} <span class="tally">${count(found.length)}</span></summary>${list}</details>`;
  }

  draw();
  return {
    element: pane,
    /** @param {import('./types').Plan | null} now */
    set(now) {
      if (JSON.stringify(now) === JSON.stringify(plan)) return;
      const first = plan === null;
      plan = now;
      // Until the whole plan is read, and where there is none, its summary.
      if (first && plan) {
        items = plan.resources.map((one) => ({ subject: 'resource', ...one }));
        load();
      } else draw();
    },
  };
}

/** @param {PlanItem} item */
function loses(item) {
  return item.subject === 'drift' ? item.action === 'delete' : LOSING.includes(item.action ?? '');
}

/** @param {PlanItem} item */
function hasMore(item) {
  return Boolean(item.attributes?.length || item.reason || item.replace_paths?.length || item.problems?.length || item.not_understood || item.previous_address || item.import_id || item.trigger || item.provisioners || item.hidden);
}

/** @param {PlanItem} item */
function more(item) {
  const facts = [
    item.not_understood ? `Slipway does not understand this change: ${item.not_understood}` : '',
    item.reason ? `Reason: ${own(REASONS, item.reason) ?? item.reason}` : '',
    item.replace_order ? `Order: ${own(REPLACEMENTS, item.replace_order) ?? item.replace_order}` : '',
    item.previous_address ? `Address before: ${item.previous_address}` : '',
    item.import_id ? `Imported as ${item.import_id}` : '',
    item.deposed ? `Deposed object ${item.deposed}` : '',
    item.trigger?.resource ? `Invoked by ${item.trigger.resource}` : '',
    item.hidden ? 'Hidden: a sensitive value that Terraform does not mark' : '',
    item.provisioners ? `May run provisioner ${item.provisioners.join(', ')}` : '',
    item.overwritten === true ? 'The apply overwrites it.' : item.overwritten === false ? 'The apply leaves it.' : '',
    ...(item.problems ?? []),
  ].filter(Boolean);
  return html`<div class="more">${facts.map((one) => html`<p class="muted small">${one}</p>`)}${item.attributes?.length ? attributeList(item.attributes) : null}</div>`;
}

/** @param {PlanItem[]} items @returns {[string, PlanItem[]][]} */
function grouped(items) {
  /** @type {Map<string, PlanItem[]>} */
  const groups = new Map();
  for (const item of items) {
    const module = moduleOf(item.address);
    const group = groups.get(module);
    if (group) group.push(item);
    else groups.set(module, [item]);
  }
  // In the order of the most serious change in each.
  return [...groups];
}
