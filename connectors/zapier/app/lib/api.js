'use strict';

const { createHash } = require('node:crypto');

const LOCAL = ['localhost', '127.0.0.1', '[::1]'];

// The address as people paste it: with a slash at its end, or with the API's own path.
const address = (z, bundle) => {
  const given = String(bundle.authData.base_url || '').trim();
  let url;
  try {
    url = new URL(given);
  } catch {
    throw new z.errors.Error(`"${given}" is no address. Write it like https://hooks.example.com`, 'Address', 400);
  }
  // Out of Zapier's cloud the key would travel in the open.
  if (url.protocol !== 'https:' && !LOCAL.includes(url.hostname)) {
    throw new z.errors.Error('The address has to begin with https://', 'Address', 400);
  }
  return `${url.origin}${url.pathname}`.replace(/\/+(v1\/*)?$/, '');
};

// The JSON that our API answers. `fine` are further statuses that are as good as a success.
const call = async (z, bundle, method, path, { body, params, headers, fine = [] } = {}) => {
  const response = await z.request({
    method,
    url: `${address(z, bundle)}${path}`,
    body,
    params,
    headers: { ...headers, Accept: 'application/json', Authorization: `Bearer ${bundle.authData.api_key}` },
    redirect: 'manual',
    skipThrowForStatus: true,
    throwForThrottlingEarly: false, // our own words are better than Zapier's
  });
  const { status, data } = response;
  if (fine.includes(status) || status === 204) {
    return {};
  }
  if (status >= 200 && status < 300 && data !== null && typeof data === 'object') {
    return data;
  }
  const said = (data && data.message) || `HTTP ${status} came instead of an answer of stagebridge's: check the address`;
  if (status === 401) {
    throw new z.errors.ExpiredAuthError(said);
  }
  if (status === 429 || status === 503) {
    throw new z.errors.ThrottledError(said, seconds(response.headers.get('retry-after')));
  }
  throw new z.errors.Error(said, (data && data.code) || 'Answer', status);
};

const seconds = (text) => (/^\d{1,6}$/.test(text || '') ? Number(text) : undefined);

// What the user filled in: an empty field is not said, so that it changes nothing.
const filled = (input) => {
  const said = ([, value]) =>
    value !== undefined && value !== null && value !== '' && !(typeof value === 'object' && !Object.keys(value).length);
  return Object.fromEntries(Object.entries(input || {}).filter(said));
};

// The same for a replay of the same Zap with the same inputs.
const replayKey = (bundle, body) => {
  const zap = (bundle.meta && bundle.meta.zap && bundle.meta.zap.id) || '';
  return createHash('sha256').update(sorted([zap, body])).digest('hex');
};

// JSON that does not depend on the order of keys.
const sorted = (value) =>
  JSON.stringify(value, (_, v) =>
    v !== null && typeof v === 'object' && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );

const create = (path) => (z, bundle) => call(z, bundle, 'POST', path, { body: filled(bundle.inputData) });

module.exports = { call, create, filled, replayKey };
