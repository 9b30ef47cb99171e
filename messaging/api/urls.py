from django.urls import path

from messaging.api import group_views as groups
from messaging.api import lists, views

urlpatterns = [
    path("people/", views.PeopleByHandle.as_view()),
    path("people/<id:user_id>/", views.Person.as_view()),
    path("friends/", views.Friends.as_view()),
    path("friends/<id:user_id>/", views.Friend.as_view()),
    path("friend-requests/", views.FriendRequests.as_view()),
    path("friend-requests/<id:request_id>/accept/", views.AcceptFriendRequest.as_view()),
    path("friend-requests/<id:request_id>/decline/", views.DeclineFriendRequest.as_view()),
    path("blocks/", views.Blocks.as_view()),
    path("blocks/<id:user_id>/", views.BlockDetail.as_view()),
    path("messaging-settings/", views.MyPreferences.as_view()),
    path("conversations/", lists.Conversations.as_view()),
    path("conversations/direct/", views.DirectConversation.as_view()),
    path("conversations/groups/", views.Groups.as_view()),
    path("conversations/<id:conversation_id>/", views.ConversationDetail.as_view()),
    path("conversations/<id:conversation_id>/members/", views.Members.as_view()),
    path("conversations/<id:conversation_id>/messages/", views.Messages.as_view()),
    path("conversations/<id:conversation_id>/messages/<id:seq>/readers/", lists.Readers.as_view()),
    path("conversations/<id:conversation_id>/mine/", lists.Mine.as_view()),
    path("conversations/<id:conversation_id>/read/", views.Read.as_view()),
    path("conversations/<id:conversation_id>/typing/", views.Typing.as_view()),
    path("conversations/<id:conversation_id>/settings/", groups.GroupSettings.as_view()),
    path("conversations/<id:conversation_id>/notice/", groups.Notice.as_view()),
    path("conversations/<id:conversation_id>/alias/", groups.Alias.as_view()),
    path("conversations/<id:conversation_id>/members/<id:user_id>/", groups.GroupMember.as_view()),
    path("conversations/<id:conversation_id>/members/<id:user_id>/silence/", groups.Silence.as_view()),
    path("conversations/<id:conversation_id>/admins/<id:user_id>/", groups.Admin.as_view()),
    path("conversations/<id:conversation_id>/owner/", groups.Owner.as_view()),
    path("conversations/<id:conversation_id>/leave/", groups.Leave.as_view()),
    path("conversations/<id:conversation_id>/disband/", groups.Disband.as_view()),
    path("sync/", views.Sync.as_view()),
]
