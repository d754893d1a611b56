'use strict';

process.env.NODE_ENV = 'test'; // Zapier's core then refuses what it would only log: results without an id, no list …

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const http = require('node:http');

const { createAppTester } = require('zapier-platform-core');

const App = require('..');

// Runs a part of the app as Zapier would, with these credentials.
const zapier = (url, key) => {
  const run = createAppTester(App);
  return (part, bundle = {}) =>
    run(part, { authData: { base_url: url, api_key: key }, meta: { zap: { id: 'zap-1' } }, ...bundle });
};

// What an error says, and which of Zapier's it is: some carry JSON in their message.
const failure = async (promise) => {
  const error = await promise.then(
    (value) => assert.fail(`it answered ${JSON.stringify(value)}`),
    (failed) => failed,
  );
  try {
    return { name: error.name, ...JSON.parse(error.message) };
  } catch {
    return { name: error.name, message: error.message };
  }
};

// An invented person nobody has met before.
const somebody = () => `person-${randomBytes(6).toString('hex')}@example.com`;

// A server that answers as it is told, once or for ever, and remembers what it was asked.
const stub = async (...answers) => {
  const seen = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      seen.push({ method: request.method, url: request.url, headers: request.headers, body });
      const { status = 200, said = {}, headers = {} } = answers.length > 1 ? answers.shift() : answers[0];
      response.writeHead(status, { 'Content-Type': 'application/json', Connection: 'close', ...headers });
      response.end(typeof said === 'string' ? said : JSON.stringify(said));
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${server.address().port}`, seen, close: () => server.close() };
};

module.exports = { App, failure, somebody, stub, zapier };
