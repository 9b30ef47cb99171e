"""Brands, merchants and studios, who works there, and who is asked to."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0008_check_terms'),
    ]

    operations = [
        migrations.CreateModel(
            name='Organisation',
            fields=[
                ('id', models.BigIntegerField(editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('brand', 'brand'), ('merchant', 'merchant'), ('studio', 'studio')], max_length=10, verbose_name='kind')),
                ('name', models.CharField(max_length=60, verbose_name='name')),
                ('legal_name', models.CharField(db_default='', max_length=120, verbose_name='legal name')),
                ('state', models.CharField(choices=[('requested', 'requested'), ('active', 'active'), ('suspended', 'suspended'), ('refused', 'refused')], max_length=10, verbose_name='state')),
                ('owner_count', models.IntegerField(default=1, verbose_name='owners')),
                ('creator_id', models.BigIntegerField(verbose_name='requested by')),
                ('client_id', models.UUIDField()),
                ('request_hash', models.BinaryField(max_length=32)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='created at')),
                ('search', django.contrib.postgres.search.SearchVectorField(null=True)),
            ],
            options={
                'verbose_name': 'organisation',
                'verbose_name_plural': 'organisations',
                'db_table': 'accounts_organisation',
                'default_permissions': ('view',),
                'indexes': [models.Index(fields=['state', '-id'], name='organisation_by_state'), django.contrib.postgres.indexes.GinIndex(fields=['search'], name='organisation_words')],
                'constraints': [models.UniqueConstraint(fields=('creator_id', 'client_id'), name='organisation_once'), models.CheckConstraint(condition=models.Q(('kind__in', ['brand', 'merchant', 'studio'])), name='organisation_kind'), models.CheckConstraint(condition=models.Q(('state__in', ['requested', 'active', 'suspended', 'refused'])), name='organisation_state'), models.CheckConstraint(condition=models.Q(('owner_count__gte', 1), models.Q(('owner_count', 0), ('state', 'refused')), _connector='OR'), name='organisation_has_an_owner')],
            },
        ),
        migrations.CreateModel(
            name='OrganisationInvitation',
            fields=[
                ('id', models.BigIntegerField(editable=False, primary_key=True, serialize=False)),
                ('inviter_id', models.BigIntegerField()),
                ('client_id', models.UUIDField()),
                ('request_hash', models.BinaryField(max_length=32)),
                ('roles', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), size=None)),
                ('invitee_id', models.BigIntegerField(null=True)),
                ('phone', models.CharField(max_length=16, null=True)),
                ('state', models.CharField(choices=[('pending', 'Pending'), ('accepted', 'Accepted'), ('declined', 'Declined'), ('revoked', 'Revoked')], default='pending', max_length=10)),
                ('member_id', models.BigIntegerField(null=True)),
                ('expires_at', models.DateTimeField(db_index=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('organisation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.organisation')),
            ],
            options={
                'db_table': 'accounts_organisation_invitation',
                'indexes': [models.Index(condition=models.Q(('state', 'pending')), fields=['organisation', '-id'], name='invitations_open'), models.Index(condition=models.Q(('state', 'pending')), fields=['invitee_id', '-id'], name='invitations_of_person'), models.Index(condition=models.Q(('state', 'pending')), fields=['phone', '-id'], name='invitations_of_phone')],
                'constraints': [models.UniqueConstraint(fields=('inviter_id', 'client_id'), name='invitation_once'), models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'accepted', 'declined', 'revoked'])), name='invitation_state'), models.CheckConstraint(condition=models.Q(('roles__len__gt', 0)), name='invitation_has_a_role'), models.CheckConstraint(condition=models.Q(('invitee_id', None), ('phone', None), _connector='OR'), name='invitation_to_one'), models.CheckConstraint(condition=models.Q(models.Q(('member_id__isnull', False), ('state', 'accepted')), models.Q(models.Q(('state', 'accepted'), _negated=True), ('member_id', None)), _connector='OR'), name='invitation_accepted_by_somebody'), models.UniqueConstraint(condition=models.Q(('state', 'pending')), fields=('organisation', 'invitee_id'), name='invitation_once_per_person'), models.UniqueConstraint(condition=models.Q(('state', 'pending')), fields=('organisation', 'phone'), name='invitation_once_per_phone')],
            },
        ),
        migrations.CreateModel(
            name='OrganisationMember',
            fields=[
                ('pk', models.CompositePrimaryKey('organisation_id', 'user_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('user_id', models.BigIntegerField()),
                ('roles', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), size=None)),
                ('joined_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('organisation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.organisation')),
            ],
            options={
                'db_table': 'accounts_organisation_member',
                'indexes': [models.Index(fields=['user_id', '-organisation_id'], name='organisations_of'), models.Index(fields=['organisation_id', 'joined_at', 'user_id'], name='organisation_staff')],
                'constraints': [models.CheckConstraint(condition=models.Q(('roles__len__gt', 0)), name='organisation_member_has_a_role')],
            },
        ),
    ]
