from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_staff_roles'),
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='CodeCount',
            fields=[
                ('pk', models.CompositePrimaryKey('prefix', 'day', blank=True, editable=False, primary_key=True, serialize=False)),
                ('prefix', models.CharField(max_length=16)),
                ('day', models.DateField()),
                ('sent', models.IntegerField()),
            ],
            options={
                'db_table': 'accounts_code_count',
            },
        ),
        migrations.AlterModelOptions(
            name='signincode',
            options={'default_permissions': ('view',), 'verbose_name': 'sign-in code', 'verbose_name_plural': 'sign-in codes'},
        ),
        migrations.AlterModelOptions(
            name='user',
            options={'default_permissions': ('view',), 'verbose_name': 'person', 'verbose_name_plural': 'people'},
        ),
        migrations.AddField(
            model_name='signincode',
            name='outcome',
            field=models.CharField(choices=[('sending', 'sending'), ('sent', 'sent'), ('failed', 'failed')], db_default='sending', max_length=10),
        ),
        migrations.AddField(
            model_name='signincode',
            name='provider_reference',
            field=models.CharField(db_default='', max_length=64),
        ),
        migrations.AddField(
            model_name='user',
            name='banned_at',
            field=models.DateTimeField(null=True),
        ),
        AddConstraintNotValid(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('banned_at', None), ('is_active', False), _connector='OR'), name='user_banned_is_not_active'),
        ),
    ]
