// SPDX-License-Identifier: Apache-2.0
// client.mjs URL EXPECTED.json: OpenAI's own client against `inferbench serve`. EXPECTED.json has a prompt and what
// greedy decoding writes after it; the API key is "secret".
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import OpenAI from 'openai';

const [url, expectedFile] = process.argv.slice(2);
const expected = JSON.parse(readFileSync(expectedFile, 'utf8'));
const client = new OpenAI({ baseURL: url, apiKey: 'secret', maxRetries: 0 });
const greedy = { model: 'bard', prompt: expected.prompt, max_tokens: 80, temperature: 0 };

async function refused(promise, status) {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof OpenAI.APIError, String(error));
    assert.equal(error.status, status);
    assert.ok(error.message.length > 10);
    return true;
  });
}

const models = await client.models.list();
assert.deepEqual(models.data.map((model) => model.id), ['bard']);
assert.equal((await client.models.retrieve('bard')).id, 'bard');

const whole = await client.completions.create(greedy);
assert.equal(whole.choices[0].text, expected.greedy_text);
assert.equal(whole.choices[0].finish_reason, 'length');
assert.equal(whole.usage.completion_tokens, 80);

let text = '';
let usage = null;
for await (const chunk of await client.completions.create({ ...greedy, stream: true, stream_options: { include_usage: true } })) {
  text += chunk.choices[0]?.text ?? '';
  usage = chunk.usage ?? usage;
}
assert.equal(text, expected.greedy_text);
assert.deepEqual(usage, whole.usage);

const stopped = await client.completions.create({ ...greedy, stop: ['\n\n'] });
assert.equal(stopped.choices[0].text, expected.greedy_text.slice(0, expected.greedy_text.indexOf('\n\n')));
assert.equal(stopped.choices[0].finish_reason, 'stop');

const sampled = () => client.completions.create({ ...greedy, temperature: 1, top_p: 0.9, seed: 5 });
assert.equal((await sampled()).choices[0].text, (await sampled()).choices[0].text);

const logprobs = (await client.completions.create({ ...greedy, max_tokens: 3, logprobs: 2 })).choices[0].logprobs;
assert.equal(logprobs.tokens.join(''), expected.greedy_text.slice(0, logprobs.tokens.join('').length));
logprobs.token_logprobs.forEach((value, i) => {
  const top = Object.values(logprobs.top_logprobs[i]);
  assert.equal(top.length, 2);
  assert.equal(value, Math.max(...top));  // greedy
  assert.ok(value < 0);
});

// The client goes away in the middle of a stream; its slot must be free for the next one.
for (let i = 0; i < 8; i += 1) {
  const stream = await client.completions.create({ ...greedy, max_tokens: 200, stream: true });
  for await (const chunk of stream) {
    assert.ok(chunk.id);
    break;
  }
}
assert.equal((await client.completions.create({ ...greedy, max_tokens: 1 })).choices.length, 1);

const all = await Promise.all(Array.from({ length: 20 }, () => client.completions.create(greedy)));
for (const one of all) assert.equal(one.choices[0].text, expected.greedy_text);

await refused(client.completions.create({ ...greedy, model: 'other' }), 404);
await refused(client.completions.create({ ...greedy, n: 2 }), 400);
await refused(client.completions.create({ ...greedy, max_tokens: 100000 }), 400);
await refused(new OpenAI({ baseURL: url, apiKey: 'wrong', maxRetries: 0 }).models.list(), 401);

if (process.argv[4] === 'chat') {
  const chat = { model: 'bard', messages: [{ role: 'user', content: 'Who is there?' }], max_tokens: 24, temperature: 0 };
  const answer = await client.chat.completions.create({ ...chat, logprobs: true, top_logprobs: 1 });
  assert.equal(answer.choices[0].message.role, 'assistant');
  let words = '';
  for await (const chunk of await client.chat.completions.create({ ...chat, stream: true })) {
    words += chunk.choices[0]?.delta?.content ?? '';
  }
  assert.equal(words, answer.choices[0].message.content);
  assert.ok(answer.choices[0].logprobs.content.length > 0);
  await refused(client.chat.completions.create({ ...chat, messages: [] }), 400);
}
console.log('ok');
