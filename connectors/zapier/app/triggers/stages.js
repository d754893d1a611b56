'use strict';

const { call } = require('../lib/api');

// Nobody's trigger: it fills the dropdown of stages.
module.exports = {
  key: 'stages',
  noun: 'Stage',
  display: { label: 'List of Stages', description: 'Lists the lifecycle stages for a dropdown.', hidden: true },
  operation: {
    type: 'polling',
    perform: (z, bundle) => call(z, bundle, 'GET', '/v1/stages'),
  },
};
