'use strict';

const { version: platformVersion } = require('zapier-platform-core');
const { version } = require('./package.json');

const byKey = (...parts) => Object.fromEntries(parts.map((part) => [part.key, part]));

module.exports = {
  version,
  platformVersion,
  authentication: require('./authentication'),
  triggers: byKey(
    require('./triggers/stage_changed'),
    require('./triggers/contact_changed'),
    require('./triggers/new_conversion'),
    require('./triggers/stages'),
  ),
  creates: byKey(
    require('./creates/upsert_contact'),
    require('./creates/set_stage'),
    require('./creates/send_conversion'),
  ),
  searches: byKey(require('./searches/find_contact')),
  searchOrCreates: {
    find_contact: {
      key: 'find_contact',
      display: {
        label: 'Find or Create Contact',
        description: 'Finds a contact by e-mail address, phone number or id, or creates one.',
      },
      search: 'find_contact',
      create: 'upsert_contact',
    },
  },
};
