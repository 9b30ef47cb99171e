"""Conversations in Chinese. ``script`` explains how they are written down."""

from superapp.localdev.demo.script import Direct, Group

DIRECT = [
    Direct(
        asks="lan",
        answers="mei",
        source="phone",
        greeting="小梅，我是妈妈，换新手机了",
        remarks={"mei": "妈妈", "lan": "宝贝女儿"},
        talk="""
            6w Sat 10:20
            mei: 妈，您终于换手机了
            lan: 你爸挑的，说这个字大
            mei: 确实大，隔着屏幕都能看见
            lan: 没大没小

            5w Wed 19:35
            lan: 吃饭了没有
            mei: 吃了，在楼下面馆吃的
            lan: 又吃面。周末回来，给你炖排骨
            mei: 好！多放点玉米
            lan: 玉米早就买好了

            4w Sun 20:10
            mei: 到家了，排骨还剩一半，明天带饭
            lan: 到了就好。路上堵不堵
            mei: 不堵，马师傅开得又快又稳
            lan: 下次请人家上来喝杯茶

            2w Thu 21:40
            lan: 天气预报说要降温，被子加厚的那床在柜子最上面
            mei: 妈，我这边的柜子您都记得
            lan: 当妈的什么都记得

            4d 20:15
            mei: 妈，我可能要去伦敦出差
            lan: 那么远，一个人去？
            mei: 有朋友在那边，住她家，放心
            lan: 带点茶叶送人家，别空着手
            mei: 知道啦

            1d 19:50
            mei: 爸的膝盖好点没有
            lan: 好多了，今天跟老伙计们爬山去了
            unread: mei
            lan: 我说慢点爬，他说慢点就吃不上山顶的豆花了
            lan: 周六回来吗？给你留一碗
            """,
    ),
    Direct(
        asks="fang",
        answers="bin",
        source="phone",
        greeting="孙先生您好，我是新搬来的租客刘芳，302室",
        remarks={"fang": "房东", "bin": "302 刘芳"},
        talk="""
            6w Mon 18:20
            bin: 你好，住得还习惯吗
            fang: 挺好的，阳光特别足
            bin: 那就好，有事随时说

            4w Thu 20:05
            fang: 孙先生，厨房的水龙头有点漏水
            bin: 漏得厉害吗
            fang: 不厉害，一分钟一滴，就是晚上听得清楚
            bin: 明天下午我带师傅过来看看，四点方便吗
            fang: 方便，谢谢您

            4w Fri 17:15
            bin: 修好了，换了个新的垫圈
            fang: 太感谢了，今晚终于能睡个好觉
            bin: 小事，师傅说还能再用十年

            2w Mon 09:30
            fang: 这个月的房租转过去了，您查收一下
            bin: 收到，谢谢，每次都这么准时
            fang: 应该的

            3d 19:00
            fang: 孙先生，我想在阳台上种点小番茄，可以吗
            bin: 可以啊，我以前也种过，要多晒太阳
            fang: 太好了，熟了给您送一盒
            bin: 那我就等着了
            """,
    ),
    Direct(
        asks="jun",
        answers="xiaoyu",
        source="group",
        greeting="小雨，我是李俊，昨天那家烤鱼是你推荐的吧",
        talk="""
            5w Sun 21:10
            xiaoyu: 是我！怎么样
            jun: 好吃到我今天又去了
            xiaoyu: 一个人吃一整条？
            jun: 一个人，一整条，不后悔

            3w Wed 12:30
            jun: 你上次说的那个摄影展什么时候结束
            xiaoyu: 这周日，要不要一起去
            jun: 好，看完去吃生煎
            xiaoyu: 你是去看展还是去吃生煎
            jun: 先看展，后生煎，两不耽误

            2w Sun 18:45
            xiaoyu: 今天拍的照片我整理一下发你
            jun: 不急。那张老弄堂的真好看
            xiaoyu: 我也最喜欢那张，光刚刚好

            2d 22:00
            jun: 明天有雨，记得带伞
            xiaoyu: 我叫小雨，我不怕
            jun: 哈哈，那我怕，我带伞
            """,
    ),
    Direct(
        asks="hao",
        answers="wei",
        source="phone",
        greeting="老同学，我也搬到上海来啦",
        talk="""
            6w Fri 20:30
            wei: 赵浩！什么时候到的
            hao: 昨天，箱子还没拆完
            wei: 周末出来，我带你认路
            hao: 先带我认饭馆
            wei: 放心，我有一个群，专门找吃的

            4w Tue 12:15
            hao: 你们公司还招人吗，我有个朋友找工作
            wei: 做什么的
            hao: 后端，五年经验，爱打羽毛球
            wei: 让他把简历发我，羽毛球很重要

            6d 19:20
            wei: 你那个朋友通过面试了，下周入职
            hao: 太好了！他说要请你吃饭
            wei: 让他请打羽毛球就行
            """,
    ),
    Direct(
        asks="qing",
        answers="lei",
        source="phone",
        greeting="马师傅，我是徐阿姨，上次坐过您的车",
        talk="""
            4w Mon 08:40
            lei: 徐阿姨好！您那天的菜没落车上吧
            qing: 没有没有。我想问问星期三早上能不能送我去医院复查
            lei: 可以，几点
            qing: 七点半，慢慢开就行
            lei: 好嘞，我七点二十在楼下等您

            4w Wed 11:30
            qing: 马师傅，检查都正常，谢谢你等我
            lei: 正常就好，比什么都强

            2d 09:15
            qing: 包了荠菜馄饨，给你留了一盒，路过来拿
            lei: 阿姨您太客气了，我十一点左右路过
            qing: 热的时候吃
            """,
    ),
]

GROUPS = [
    Group(
        title="深夜觅食小分队",
        members=("wei", "mei", "xiaoyu", "jun", "ting", "hao"),
        talk="""
            6w Sat 21:30
            wei: 人齐了，本群宗旨：不问热量，只问好不好吃
            ting: 我举双手赞成
            xiaoyu: 我举双手和筷子
            jun: 今晚第一站？
            wei: 老地方旁边新开了一家烤鱼
            mei: 十点见
            hao: 我刚到上海第二天，请带我
            wei: 欢迎新队员

            6w Sat 23:40
            hao: 撑得走不动了
            ting: 才第一站呢
            mei: 烤鱼8分，凉粉9分，老板娘10分
            xiaoyu: 老板娘送的那碟花生记得加分

            5w Fri 18:10
            ting: 今天降温，想吃羊肉串
            jun: 桥头那家，要排队
            xiaoyu: 我下班早，我先去占位
            wei: 组织感谢你
            mei: 给我留两串板筋！

            5w Fri 22:20
            xiaoyu: 总结：排队四十分钟，吃了十五分钟，值得
            ting: 值得
            hao: 我一个人吃了二十串，值得

            4w Sat 19:45
            mei: 谁知道哪里有好吃的葱油饼
            jun: 菜场门口，早上六点开，八点就卖完
            mei: 这是深夜小分队，不是清晨小分队
            wei: 可以不睡，直接去
            ting: 你认真的吗
            wei: 认真的

            4w Sun 08:20
            hao: 他居然真的去了
            wei: 葱油饼到手，还热着
            mei: 留一个给我！我马上起床
            xiaoyu: 清晨小分队正式成立

            2w Fri 20:00
            ting: 我外婆寄了两大包腊肠，周末来我家煲仔饭？
            wei: 来！带什么
            ting: 带胃就行
            jun: 我带水果
            hao: 我带汽水
            xiaoyu: 我带相机，吃之前谁都不许动筷子
            mei: 每次都是菜凉了照片才好

            2w Sat 22:35
            hao: 那个锅巴，我能念一年
            xiaoyu: 照片拍好了，菜也没凉，表扬我自己
            ting: 外婆看了照片，说下次多寄一包
            wei: 替我们谢谢外婆

            4d 20:40
            mei: 我要去伦敦出差，听说那边也有夜市
            jun: 深夜小分队海外分队
            ting: 回来要写报告，不少于八百字
            hao: 附照片
            mei: 收到，保证完成任务

            1d 21:25
            wei: 明晚老周面馆？听说出了新的辣油
            ting: 去！
            unread: mei, jun
            xiaoyu: 我八点下班，帮我点一碗小的
            hao: 她的小的就是我们的大的
            """,
    ),
    Group(
        title="老周面馆·熟客群",
        members=("zhou", "mei", "wei", "fang", "qing", "lei"),
        talk="""
            6w Mon 10:00
            zhou: 各位老朋友，建个群，每天的浇头在这里说一声
            lei: 周师傅也玩起群来了
            zhou: 女儿教的，学了三天
            qing: 我也是女儿教的，学了一个礼拜
            mei: 周师傅打字比我妈快

            5w Tue 10:30
            zhou: 今天有焖肉、爆鱼、素浇，辣肉限量三十份
            wei: 给我留一份辣肉，十二点到
            lei: 我也要，一点才交班，求留
            zhou: 都记下了

            5w Tue 18:40
            mei: 周师傅，我伦敦的朋友看了您的菜单，说字写得真好
            zhou: 哈哈，那我给她写一碗
            mei: 她高兴坏了
            qing: 老周的字年轻时候就出名

            4w Thu 11:00
            fang: 请问今天有素浇面吗，第一次来
            zhou: 有，香菇面筋，新来的朋友送一个荷包蛋
            fang: 谢谢老板！
            wei: 我来了三年没有荷包蛋
            zhou: 你来了三年，欠我三顿的钱是我没算

            3w Sat 09:50
            zhou: 今天牛肉好，汤熬了八个钟头
            zhou: [noodles]
            lei: 看图就饿了，我在机场，飞也要飞过来
            qing: 给我打包一份，少放辣
            mei: 两份！带朋友来

            2w Wed 10:15
            zhou: 明天歇一天，去看女儿的毕业典礼
            qing: 恭喜恭喜！
            wei: 恭喜周师傅
            lei: 要坐车吗，我送您，不收钱
            zhou: 那就麻烦马师傅了，回来请你吃面

            5d 10:20
            zhou: 新做了一种辣油，香，不太辣，请大家来试试
            fang: 不太辣是多辣
            zhou: 就是你可以试一点点的那种
            mei: 周师傅的不太辣，我信一半

            1d 10:10
            zhou: 今天辣油试吃第一天，来的都送一小碟
            lei: 报名
            unread: qing, mei
            wei: 晚上带小分队来，六个人
            zhou: 给你们留大桌
            """,
    ),
    Group(
        title="一家三口",
        members=("guohua", "lan", "mei"),
        talk="""
            6w Sat 10:45
            guohua: 建了个群，以后开会就在这里
            lan: 就在一个屋里坐着，开什么会
            mei: 爸，第一次会议的议题是什么
            guohua: 周末吃什么
            lan: 排骨

            4w Sun 11:15
            mei: 出发了，一个小时到
            guohua: 你妈已经去阳台看了三回
            lan: 我是去收衣服

            3w Sat 16:30
            guohua: 今天钓了四条，放了两条
            mei: 为什么放了两条
            guohua: 小的，让它们长长
            lan: 大的是在菜场买的
            guohua: 你怎么能当着孩子说

            6d 20:20
            mei: 爸，膝盖还疼吗，记得热敷
            guohua: 好多了，你妈天天监督
            lan: 不监督他就忘

            2d 18:30
            guohua: 明天跟老伙计们爬山，不高
            mei: 慢点走，带上护膝
            guohua: 遵命
            """,
    ),
]
