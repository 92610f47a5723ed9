// Forms against the schemas of the blueprints in this repository, and against the API's own judgement.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { holds } from '../hcl.js';
import { check } from '../schema.js';
import { axe, openPage, publish, visit } from './support.mjs';

const BLUEPRINTS = path.resolve(import.meta.dirname, '../../../../tf/blueprints');

const EVERYTHING = `
variable "text" {
  description = "A text."
  type        = string
  validation {
    condition     = can(regex("^[a-z]{2,5}$", var.text))
    error_message = "Use 2 to 5 lower-case letters."
  }
}
variable "choice" {
  type    = string
  default = "one"
  validation {
    condition     = contains(["one", "two"], var.choice)
    error_message = "Choose one or two."
  }
}
variable "flag" {
  type    = bool
  default = false
}
variable "secret" {
  type      = string
  default   = "hush"
  sensitive = true
}
variable "tags" {
  type    = map(string)
  default = {}
}
variable "rules" {
  description = "Rules by name."
  type = map(object({
    port    = number
    hosts   = optional(list(string), [])
    scaling = optional(object({ min = number, max = optional(number, 4) }))
  }))
  default = {}
  validation {
    condition     = alltrue([for rule in values(var.rules) : rule.port >= 1 && rule.port <= 65535])
    error_message = "A port is a number from 1 to 65535."
  }
}
variable "anything" {
  type    = any
  default = null
}
output "slipway" { value = {} }
`;

export function forms(shared) {
  test('values that are known to be right pass, and most conditions are evaluated', async () => {
    const { slipway } = shared;
    let evaluated = 0;
    let conditions = 0;
    for (const name of fs.readdirSync(BLUEPRINTS)) {
      slipway.slipway('blueprint', 'publish', path.join(BLUEPRINTS, name), '--within', path.resolve(BLUEPRINTS, '..'));
      const { variables } = await slipway.json('GET', `/v1/blueprints/${name}`);
      const cases = path.join(BLUEPRINTS, name, 'tests/life');
      for (const file of fs.readdirSync(cases).filter((one) => one.endsWith('.tfvars.json') && !one.includes('.update.'))) {
        const values = JSON.parse(fs.readFileSync(path.join(cases, file), 'utf8'));
        assert.deepEqual([...check(variables, values, {})], [], `${name}, ${file}`);
        const filled = Object.fromEntries(variables.map((one) => [one.name, values[one.name] ?? one.default ?? null]));
        for (const { condition } of variables.flatMap((one) => one.validations)) {
          conditions += 1;
          if (holds(condition, filled) !== null) evaluated += 1;
        }
      }
    }
    console.log(`${evaluated} of ${conditions} conditions evaluated`);
    assert.ok(conditions > 100 && evaluated / conditions > 0.6, `${evaluated} of ${conditions}`);
  });

  test('a form for every type makes the request that it shows', async () => {
    const { slipway, browser } = shared;
    publish(slipway, 'everything@1.0.0', EVERYTHING);
    const page = await openPage(browser, { allowed: [/422/] });
    await visit(page, `${slipway.url}/console/new?blueprint=everything&environment=local&name=shapes`);
    const request = async () => JSON.parse((await page.locator('#tab-panel').textContent()) ?? '');
    await page.getByLabel(/^text/).fill('Wrong');
    await page.getByText('Use 2 to 5 lower-case letters.').waitFor();
    await page.getByLabel(/^text/).fill('right');
    await page.getByText('Use 2 to 5 lower-case letters.').waitFor({ state: 'detached' });
    await page.getByLabel(/^choice/).selectOption('two');
    await page.getByLabel(/^flag/).selectOption('true');
    await page.getByLabel(/^secret/).fill('swordfish');
    await page.getByRole('button', { name: 'Set tags' }).click();
    await page.getByRole('button', { name: 'Add an entry to tags' }).click();
    await page.keyboard.type('team');
    await page.keyboard.press('Tab');
    await page.getByLabel('Value of team', { exact: true }).fill('shop');
    await page.getByRole('button', { name: 'Set rules' }).click();
    await page.getByRole('button', { name: 'Add an entry to rules' }).click();
    await page.keyboard.type('web');
    await page.keyboard.press('Tab');
    await page.getByLabel(/^port/).fill('99999');
    await page.getByText('A port is a number from 1 to 65535.').waitFor();
    await page.getByLabel(/^port/).fill('443');
    await page.getByRole('button', { name: 'Set hosts' }).click();
    await page.getByRole('button', { name: 'Add a value to hosts' }).click();
    await page.keyboard.type('example.com');
    await page.getByRole('button', { name: 'Set scaling' }).click();
    await page.getByLabel(/^min/).fill('2');
    await page.getByLabel(/^anything/).fill('{"free": [1, true]}');
    assert.deepEqual(await request(), {
      name: 'shapes', blueprint: 'everything', environment: 'local',
      variables: {
        text: 'right', choice: 'two', flag: true, secret: '…', tags: { team: 'shop' },
        rules: { web: { port: 443, hosts: ['example.com'], scaling: { min: 2 } } }, anything: { free: [1, true] },
      },
    });
    assert.deepEqual(await axe(page), []);
    await page.getByRole('tab', { name: 'JSON' }).focus();
    await page.keyboard.press('ArrowLeft');
    assert.match((await page.locator('#tab-panel').textContent()) ?? '', /slipway stack create shapes [^]*--var text=right/);
    await page.getByRole('button', { name: 'Create stack' }).click();
    await page.waitForSelector('html[data-ready=operation]');
    const { items } = await slipway.json('GET', '/v1/stacks?name=shapes');
    // A list has no variables.
    const { variables } = await slipway.json('GET', `/v1/stacks/${items[0].id}`);
    assert.deepEqual(variables.rules, { web: { port: 443, hosts: ['example.com'], scaling: { min: 2 } } });
    assert.equal(variables.secret, '(sensitive)');

    // What only the API knows comes back to its field.
    await visit(page, `${slipway.url}/console/new?blueprint=everything&environment=local&name=shapes`);
    await page.route('**/v1/stacks', (route) => route.fulfill({
      status: 422,
      json: { type: 'urn:slipway:problem:invalid-request', title: 'The request is not valid', status: 422, detail: '1 field is wrong.', errors: [{ field: 'variables.text', detail: 'is taken', remedy: 'give another' }] },
    }));
    await page.getByLabel(/^text/).fill('right');
    await page.getByRole('button', { name: 'Create stack' }).click();
    await page.getByText('Is taken: give another.').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'v-text');
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('an update sends what differs, and can be previewed', async () => {
    const { slipway, browser } = shared;
    const { items } = await slipway.json('GET', '/v1/stacks?name=shapes');
    const page = await openPage(browser);
    await visit(page, `${slipway.url}/console/stacks/${items[0].id}/update`);
    await page.getByLabel(/^choice/).selectOption('one');
    await page.getByRole('button', { name: 'Unset tags' }).click();
    const shown = JSON.parse((await page.locator('#tab-panel').textContent()) ?? '');
    assert.deepEqual(shown, { variables: { choice: 'one', tags: null } });
    await page.getByRole('button', { name: 'Preview' }).click();
    await page.waitForSelector('html[data-ready=operation]');
    await page.locator('.title .badge', { hasText: 'Succeeded' }).waitFor({ timeout: 60_000 });
    assert.equal((await slipway.json('GET', `/v1/stacks/${items[0].id}`)).variables.choice, 'two');
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });
}
