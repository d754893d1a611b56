'use strict';

const hook = require('./hook');

module.exports = hook({
  key: 'new_conversion',
  noun: 'Conversion',
  label: 'New Conversion',
  description: 'Triggers when a conversion, such as a purchase, is recorded.',
  event: 'conversion.created',
  fields: [
    { key: 'conversion_id', label: 'Conversion ID' },
    { key: 'name', label: 'Name' },
    { key: 'at', label: 'When', type: 'datetime' },
    { key: 'value', label: 'Value', type: 'number' },
    { key: 'currency', label: 'Currency' },
    { key: 'order_id', label: 'Order ID' },
    { key: 'channel', label: 'Channel' },
    { key: 'source_url', label: 'Page' },
  ],
  sample: {
    conversion_id: 'order-1',
    name: 'Purchase',
    at: '2026-11-26T09:59:00+00:00',
    value: 30.5,
    currency: 'EUR',
    order_id: 'order-1',
    channel: 'web',
    source_url: 'https://shop.example.com/thanks',
  },
});
