// What a plan changes, resource by resource: deletes first, grouped by module, searchable.

import { count, counted } from './format.js';
import { element, html, island, render } from './html.js';
import { planCounts } from './parts.js';

/** What matters most comes first. */
const ORDER = ['delete', 'replace', 'forget', 'update', 'create', 'import', 'move'];
/** @type {Record<string, [string, string]>} */
const SIGNS = {
  delete: ['−', 'delete'],
  replace: ['±', 'replace'],
  forget: ['⇤', 'forget'],
  update: ['~', 'change'],
  create: ['+', 'create'],
  import: ['⇥', 'import'],
  move: ['→', 'move'],
};
/** How many resources a group shows until it is asked for all. */
const FIRST = 100;

/** The module that an address is in: `module.a["x"].module.b`, or nothing for the root. @param {string} address */
export function moduleOf(address) {
  return /^(?:module\.[^.[]+(?:\[(?:"(?:\\.|[^"\\])*"|\d+)\])?\.)*/.exec(address)?.[0].replace(/\.$/, '') ?? '';
}

/** @param {import('./types').ResourceChange[]} resources */
export function sorted(resources) {
  const rank = (/** @type {string} */ action) => (ORDER.includes(action) ? ORDER.indexOf(action) : ORDER.length);
  return [...resources].sort((a, b) => rank(a.action) - rank(b.action) || a.address.localeCompare(b.address, 'en', { numeric: true }));
}

/** @param {import('./types').ResourceChange[]} resources @returns {[string, import('./types').ResourceChange[]][]} */
function grouped(resources) {
  /** @type {Map<string, import('./types').ResourceChange[]>} */
  const groups = new Map();
  for (const resource of resources) {
    const module = moduleOf(resource.address);
    const group = groups.get(module);
    if (group) group.push(resource);
    else groups.set(module, [resource]);
  }
  // In the order of the most serious change in each.
  return [...groups];
}

/** A pane that shows a plan, and what it is told later. */
export function planPane() {
  /** @type {import('./types').Plan | null} */
  let plan = null;
  let wanted = '';
  /** @type {Set<string>} */
  const whole = new Set();
  const pane = island(element(html`<div class="plan-pane"></div>`));

  /** @param {import('./types').ResourceChange} resource */
  function row(resource) {
    const [sign, verb] = SIGNS[resource.action] ?? ['?', resource.action];
    const module = moduleOf(resource.address);
    const local = module ? resource.address.slice(module.length + 1) : resource.address;
    return html`<li data-action=${resource.action}><span class="sign" aria-hidden="true">${sign}</span><span class="hush">${verb} </span><code>${local}</code><span class="verb" aria-hidden="true">${verb}</span></li>`;
  }

  function draw() {
    if (!plan) return render(pane, html`<p class="muted pad">Terraform has not planned yet.</p>`);
    const query = wanted.toLowerCase();
    const all = sorted(plan.resources);
    const matching = query ? all.filter((one) => `${one.address} ${SIGNS[one.action]?.[1] ?? ''}`.toLowerCase().includes(query)) : all;
    const changes = plan.add + plan.change + plan.destroy + plan.replace + plan.import + plan.forget + plan.moved;
    return render(pane, html`
      <div class="plan-head">${planCounts(plan)}${plan.outputs_changed && changes ? html`<span class="muted">outputs change</span>` : null}${all.length > 5 ? html`<label class="hush" for="plan-filter">Filter resources</label>
        <input id="plan-filter" type="search" placeholder="Filter resources" .value=${wanted} @input=${(/** @type {any} */ event) => {
          wanted = event.target.value;
          draw();
        }}><span class="muted" role="status">${query ? `${count(matching.length)} of ${count(all.length)}` : ''}</span>` : null}</div>
      ${plan.refused_because ? html`<div class="note" data-tone="bad"><strong>Refused</strong><p>${plan.refused_because}</p></div>` : null}
      ${grouped(matching).map(([module, resources]) => group(module, resources, query))}
      ${changes > plan.resources.length ? html`<p class="note" data-tone="wait">${counted(changes - plan.resources.length, 'more change is', 'more changes are')} in the plan, and not in this list.</p>` : null}`);
  }

  /** @param {string} module @param {import('./types').ResourceChange[]} resources @param {string} query */
  function group(module, resources, query) {
    const shown = whole.has(module) || query ? resources.slice(0, 2_000) : resources.slice(0, FIRST);
    const list = html`<ul class="changes">${shown.map(row)}</ul>${
      shown.length < resources.length ? html`<p class="pad"><button type="button" class="small" @click=${() => {
        whole.add(module);
        draw();
      }}>Show all ${count(resources.length)}</button></p>` : null}`;
    if (!module) return html`<div data-key="module-">${list}</div>`;
    return html`<details class="module" data-key=${`module-${module}`} open><summary><code>${module}</code> <span class="tally">${count(resources.length)}</span></summary>${list}</details>`;
  }

  draw();
  return {
    element: pane,
    /** @param {import('./types').Plan | null} now */
    set(now) {
      if (JSON.stringify(now) === JSON.stringify(plan)) return;
      plan = now;
      draw();
    },
  };
}
