from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0010_requests_and_splits")]
    operations = [
        migrations.AddField(model_name="transfer", name="retry_at", field=models.DateTimeField(null=True)),
    ]
