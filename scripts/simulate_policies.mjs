// Decides requests to IAM with @cloud-copilot/iam-simulate, for scripts/compare_with_simulator.py: a JSON array of
// {principal, account, action, resource, resourceAccount, context, policies, resourcePolicy} on standard input, the decisions on
// standard output. The package is installed into target/ to run and is no part of Slipway.
import fs from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const folder = process.argv[2]
const { runSimulation } = await import(pathToFileURL(createRequire(`${folder}/`).resolve('@cloud-copilot/iam-simulate')))

async function decided(asked) {
  const simulation = {
    request: {
      principal: asked.principal,
      action: asked.action,
      resource: { resource: asked.resource, accountId: asked.resourceAccount },
      contextVariables: asked.context,
    },
    identityPolicies: asked.policies,
    resourcePolicy: asked.resourcePolicy,
    serviceControlPolicies: [],
    resourceControlPolicies: [],
  }
  const result = await runSimulation(simulation, { simulationMode: 'Strict' })
  return result.errors ? { error: result.errors } : { decision: result.overallResult ?? result.resultType ?? result.analysis?.result }
}

const answers = []
for (const asked of JSON.parse(fs.readFileSync(0, 'utf8'))) answers.push(await decided(asked))
process.stdout.write(JSON.stringify(answers))
