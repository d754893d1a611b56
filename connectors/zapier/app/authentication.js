'use strict';

const { call } = require('./lib/api');

module.exports = {
  type: 'custom',
  fields: [
    {
      key: 'base_url',
      label: 'Address',
      type: 'string',
      required: true,
      isNoSecret: true,
      placeholder: 'https://hooks.example.com',
      helpText: 'Where your `stagebridge serve` can be reached from the internet: its `public_url`.',
    },
    {
      key: 'api_key',
      label: 'API key',
      type: 'password',
      required: true,
      helpText: 'A key of the Zapier connection in your stagebridge. It begins with `sb_`.',
    },
  ],
  test: (z, bundle) => call(z, bundle, 'GET', '/v1/me'),
  connectionLabel: '{{connection}} ({{key}})',
};
