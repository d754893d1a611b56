"""Webhooks of anything: a form, a shop, a system of one's own.

hook = Webhook(scheme="standard", secret="whsec_…")
for record in hook.receive(request):
    …
"""

from stagebridge_webhook.connector import Webhook
from stagebridge_webhook.settings import WebhookSettings

__all__ = ["Webhook", "WebhookSettings"]
