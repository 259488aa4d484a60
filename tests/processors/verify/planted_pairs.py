r"""Pairs of a said answer and a reference whose truth is known: tricky spellings of the same, and differences that look alike.

Each group is lines of `said | reference`, with a third column where the problem's text matters. UNDECIDED pairs are those on which careful
markers differ, so that neither right nor wrong may be said.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    said: str
    reference: str
    problem: str
    truth: str  # equal, different or undecided


EQUAL = r"""
1/2 ; 0.5
0.5 ; 1/2
\frac{1}{2} ; 0.5
\dfrac12 ; \frac{1}{2}
\tfrac{1}{2} ; .5
½ ; 0.5
2½ ; 2.5
2 1/2 ; 5/2
2\frac{1}{2} ; \frac{5}{2}
-1/2 ; -0.5
\frac{-1}{2} ; -\frac{1}{2}
\frac{1}{-2} ; -\frac12
−3 ; -3
1,000 ; 1000
$1,000 ; 1000
1000 ; 1,000
1,234,567 ; 1234567
1{,}234 ; 1234
10,\!000 ; 10000
1 000 000 ; 1000000
1 000 ; 1000
1'234'567 ; 1234567
1.234.567 ; 1234567
1.234,56 ; 1234.56
1 234,56 ; 1234.56
1,234.56 ; 1234.56
12,34,567 ; 1234567
3,5 ; 3.5
0,25 ; 1/4
12,75 € ; 12.75
12,50 ; 12.5
18.00 ; 18
18. ; 18
18.0 ; 18
007 ; 7
+5 ; 5
$18 ; 18
\$18 ; 18
\$18.00 ; 18
18 dollars ; $18
18 USD ; 18 dollars
US$18 ; $18
50 cents ; $0.50
$0.50 ; 50 cents
5 dollars and 30 cents ; $5.30
€20 ; 20 euros
20€ ; 20
£7 ; 7
50% ; 0.5
50% ; 1/2
0.5 ; 50\%
50\% ; \frac{1}{2}
50 percent ; 50%
50 ; 50% ; What percent of the class is that?
50% ; 50 ; What percentage of the apples are red?
12.5% ; 1/8
150% ; 1.5
100% ; 1
75 per cent ; 0.75
25 Prozent ; 25%
25 % ; 25%
1e3 ; 1000
1.5e3 ; 1500
1.5 \times 10^3 ; 1500
1.5 × 10³ ; 1500
3 \cdot 10^{-2} ; 0.03
2.5*10^6 ; 2500000
3 million ; 3000000
2.5 million dollars ; $2,500,000
2 dozen ; 24
twenty-one ; 21
Twenty one ; 21
three hundred and five ; 305
twelve ; 12
two thirds ; 2/3
one half ; 0.5
dix-sept ; 17
zweiundzwanzig ; 22
veintiuno ; 21
五十 ; 50
二十四 ; 24
１２ ; 12
٤٢ ; 42
3rd ; 3
5 apples ; 5
5 ; 5 apples
5 apples ; 5 red apples
She has 5 apples left ; 5
He earns $26 per day ; 26
26 dollars per day ; 26
82 moons ; 82
the answer is 3 ; 3
The answer is 3. ; 3
Answer: 42 ; 42
\boxed{42} ; 42
$\boxed{42}$ ; 42
**42** ; 42
$42$ ; 42
\(42\) ; 42
#### 42 ; 42
\text{42} ; 42
\mathbf{42} ; 42
\boxed{\text{Tuesday}} ; Tuesday
5 cm ; 5\text{ cm}
5cm ; 5
5 centimeters ; 5 cm
5\,\mathrm{cm} ; 5 cm
5 cm^2 ; 5\text{ cm}^2
5 square centimeters ; 5 cm^2
5 cm² ; 5 cm^2
5 sq ft ; 5 \text{ ft}^2
1.5 h ; 90 min
90 minutes ; 1.5 hours
1 hour 30 minutes ; 90 minutes
1 m ; 100 cm
1 km ; 1000 m
2 kg ; 2000 g
1 L ; 1000 ml
1 liter ; 1000 cm^3
60 km/h ; 60 kilometers per hour
60 mph ; 60 miles per hour
36 km/h ; 10 m/s
1 foot ; 12 inches
3 yards ; 9 feet
5 ft 6 in ; 66 inches
2 weeks ; 14 days
2 years ; 24 months
5 Stunden ; 5 hours
10 heures ; 10
30 minutos ; 30 minutes
1320 km ; 1320
90^\circ ; 90
90° ; 90
90 degrees ; 90^\circ
60^\circ ; \frac{\pi}{3}
180° ; \pi
20 °C ; 20 degrees Celsius
68 °F ; 20 °C
x = 3 ; 3
3 ; x=3
x=3 ; x = 3
x = \frac{1}{2} ; 0.5
n = 12 ; 12
f(x) = 2x + 1 ; 2x+1
y = 2x + 1 ; 2x+1
y = 2x + 1 ; y = 1 + 2x
2x - y + 1 = 0 ; y = 2x + 1
x + y - z + 1 = 0 ; z - x - y - 1 = 0
2x + 4y = 6 ; x + 2y = 3
\text{Area} = 12 ; 12
AB = 5 ; 5
\log x^2 + \log 3 ; \log 3 + \log x^2
\frac{\log 8}{\log 2} ; 3
x = 4/2 = 2 ; 2
x = \frac{10}{3} \approx 3.33 ; \frac{10}{3}
\sqrt{2} \approx 1.41 ; \sqrt{2}
\angle ABC = 60^\circ ; 60
x=1, y=2 ; y=2, x=1
1, 2 ; x=1, y=2
(1, 2) ; y=2, x=1
\begin{pmatrix} 1 \\ 2 \end{pmatrix} ; x=1, y=2
x = 1 or x = 2 ; 1, 2
x = 1 \text{ or } x = 2 ; \{1, 2\}
x = 1, 2 ; 2, 1
\sqrt{2}/2 ; \frac{1}{\sqrt{2}}
\frac{\sqrt{2}}{2} ; \frac{1}{\sqrt2}
\sqrt{12} ; 2\sqrt{3}
2\sqrt3 ; 2\sqrt{3}
√2 ; \sqrt{2}
sqrt(3)/2 ; \frac{\sqrt{3}}{2}
\sqrt[3]{-8} ; -2
\sqrt[3]{16} ; 2\sqrt[3]{2}
\sqrt{3+2\sqrt{2}} ; 1+\sqrt{2}
\frac{7}{2\sqrt{30}} ; \frac{7\sqrt{30}}{60}
2^{10} ; 1024
2**10 ; 1024
5! ; 120
\binom{5}{2} ; 10
2^{25} \cdot 26! ; 2^{25} 26!
\pi/4 ; \frac{\pi}{4}
0.25\pi ; \frac{\pi}{4}
25π ; 25\pi
25\pi \text{ cm}^2 ; 25\pi
\ln e^2 ; 2
\log_2 8 ; 3
e^{i\pi} ; -1
\sin 30^\circ ; 1/2
|{-5}| ; 5
\left|-5\right| ; 5
\lfloor 3.7 \rfloor ; 3
0.\overline{3} ; 1/3
0.(3) ; \frac{1}{3}
0.333... ; 1/3
1.\overline{6} ; \frac{5}{3}
0.1\overline{6} ; 1/6
2 + 3i ; 3i + 2
(1+i)^2 ; 2i
\frac{1}{i} ; -i
\pm 2 ; 2, -2
-5\pm3\sqrt{3} ; -5+3\sqrt{3}, -5-3\sqrt{3}
\pm\sqrt{5} ; \mp\sqrt{5}
0, \pm i\sqrt{6} ; i\sqrt{6}, 0, -i\sqrt{6}
(x+1)^2 ; x^2+2x+1
x^2 - 1 ; (x-1)(x+1)
\frac{x^2-1}{x-1} ; x+1
a^2 + b^2 + c^2 - 4R^2 ; a^2+b^2+c^2-4R^2
n(n+1)/2 ; \frac{n^2+n}{2}
2x \cdot 3y ; 6xy
\sin^2 x ; 1 - \cos^2 x
\frac{1}{x} + \frac{1}{y} ; \frac{x+y}{xy}
e^{2x} ; (e^x)^2
2^{n+1} ; 2 \cdot 2^n
-(x-3) ; 3-x
|x| ; \sqrt{x^2}
(1, 2) ; (1,2)
\left(1, 2\right) ; (1,2)
(0.5, -1) ; \left(\frac{1}{2}, -1\right)
(1,2,3) ; ( 1 , 2 , 3 )
\langle 1, 2 \rangle ; (1,2)
\begin{pmatrix} 1 \\ 2 \end{pmatrix} ; \begin{bmatrix} 1 \\ 2 \end{bmatrix}
\begin{pmatrix} 1/2 & 0 \\ 0 & 1 \end{pmatrix} ; \begin{pmatrix} 0.5 & 0 \\ 0 & 1 \end{pmatrix}
\begin{pmatrix} 1 \\ 2 \end{pmatrix} ; (1, 2)
\{1, 2, 3\} ; \{3, 1, 2\}
{1, 2, 3} ; \{3, 2, 1\}
\{1, 1, 2\} ; \{1, 2\}
1, 2, 3 ; 3, 2, 1
1 and 2 ; 1, 2
1 or 2 ; \{1,2\}
1, 2, and 3 ; 1,2,3
98, 118, 122, 142 ; $98,118,122,142$
224, -176 ; -176, 224
3 und 5 ; 3, 5
3;5 ; 3, 5
(1,2), (3,4) ; (3,4), (1,2)
(1,2) and (3,4) ; (1,2), (3,4)
[0, 1) ; [0,1)
\left[0, 1\right) ; [0,1)
(-\infty, 1) \cup (1, \infty) ; (1,\infty)\cup(-\infty,1)
(-∞, 1) ∪ (1, ∞) ; (-\infty,1)\cup(1,\infty)
x \neq 1 ; (-\infty,1)\cup(1,\infty)
\mathbb{R} \setminus \{1\} ; (-\infty,1)\cup(1,\infty)
x > 3 ; (3, \infty)
3 < x ; x > 3
x \geq 3 ; [3, \infty)
x ≥ 3 ; [3,\infty)
1 < x \le 5 ; (1, 5]
5 \ge x > 1 ; (1,5]
x < 1 or x > 2 ; (-\infty,1)\cup(2,\infty)
]1,2[ ; (1,2)
]1;2] ; (1,2]
[1,2]\cup[2,3] ; [1,3]
x \in [0,1] ; [0,1]
\{x \mid x > 3\} ; (3,\infty)
\left(\frac{2}{3}, 1\right) \cup (7, \infty) ; (\frac{2}{3},1)\cup(7,\infty)
3:4 ; 3/4
6:8 ; 3:4
3 : 4 ; 3:4
3 to 4 ; 3:4
12:30 ; 12:30
3:30 PM ; 3:30 p.m.
3:30 PM ; 15:30
220_6 ; 220
220_{6} ; 220_6
1011_2 ; 1011_{2}
Tuesday ; tuesday
\text{Tuesday} ; Tuesday
\text{June} ; June
Yes ; yes
yes ; Yes.
True ; true
\text{(C)} ; C
(C) ; C
C. ; C
\text{even} ; Even
no solution ; \emptyset
No solutions ; no solution
\infty ; infinity
all real numbers ; (-\infty,\infty)
3.33 ; 3.33
10/3 ; 3.33 ; Round to two decimal places.
\sqrt{2} ; 1.41 ; Give your answer to the nearest hundredth.
78.125 ; 78.13 ; What is it, rounded to two decimal places?
\pi ; \approx 3.14
$0,3,6,9, \ldots, 6048$ ; 0, 3, 6, 9, \ldots, 6048
14+4 \sqrt{37}. ; $14+4 \sqrt{37}$
\int_0^1 x\,dx ; \int_{0}^{1} x dx
1/\sqrt{3} ; \frac{\sqrt{3}}{3}
x^2(x+1) ; x^3+x^2
\text{5 apples} ; 5
5\% ; 0.05
33\frac{1}{3}\% ; \frac{1}{3}
16\frac{2}{3} ; 50/3
\frac{3\sqrt{2}}{2}\text{ units} ; \frac{3}{\sqrt{2}}
2\sqrt{2} + \sqrt{2} ; 3\sqrt{2}
\frac{\pi}{6}, \frac{5\pi}{6} ; \frac{5\pi}{6}, \frac{\pi}{6}
\{-1, 0, 1\} ; -1, 0, 1
\left\{ \frac{1}{2}, 2 \right\} ; \{2, 0.5\}
x = -1, 0, 1 ; -1,0,1
x \in \{1, 2\} ; 1, 2
x=\pm 2 ; \{-2,2\}
(x,y) = (1,2) ; (1,2)
x=1,\ y=2 ; (1,2)
a = 1, b = 2 ; b = 2, a = 1
(a, b, c) = (1, 2, 3) ; (1,2,3)
y = \frac{1}{2}x - 3 ; x - 2y = 6
y=2x+3 ; -2x + y - 3 = 0
x^2 + y^2 = 4 ; x^2 + y^2 - 4 = 0
\frac{x^2}{4} + \frac{y^2}{9} = 1 ; 9x^2 + 4y^2 = 36
2x^2 - 3x + 1 = 0 ; 4x^2 - 6x + 2 = 0
(-5, \infty) ; x > -5
-5 < x ; (-5,\infty)
x\in(-5,\infty) ; (-5,\infty)
(-\infty, -2] \cup [2, \infty) ; x \le -2 \text{ or } x \ge 2
[-2, 2] ; -2 \leq x \leq 2
0 \le \theta < 2\pi ; [0, 2\pi)
x\ge-1 ; [-1,\infty)
\emptyset ; \{\}
\text{No solution} ; \varnothing
\text{undefined} ; undefined
\text{Monday} ; Mon
\frac{1}{4} \text{ miles} ; 0.25
1{,}000{,}000 ; 10^6
1\,000\,000 ; 10^6
\$ 3.50 ; 3.5
\$3{,}500 ; 3500
3,500 dollars ; \$3500
12\text{ inches} ; 1\text{ ft}
45\,\text{minutes} ; 0.75 \text{ hours}
10\text{ cm/s} ; 0.1 \text{ m/s}
3.0 \times 10^8 \text{ m/s} ; 300000000 m/s
6.02 \times 10^{23} ; 6.02e23
4! ; 24
\binom{10}{3} ; 120
\frac{10!}{3!7!} ; 120
C = 5 ; 5
\text{The answer is } 5 ; 5
So the answer is \boxed{5}. ; 5
five ; 5
fifty-two ; 52
1,5 Millionen ; 1,500,000
2,5 kg ; 2500 g
0,5 ; 0.5
1 234 567,89 ; 1234567.89
99,99 ; 99.99
\frac{a}{b} ; a/b
\frac{a+b}{2} ; (a+b)/2
x^{-1} ; 1/x
\sqrt{x} ; x^{1/2}
\sqrt[3]{x} ; x^{\frac13}
e^{\ln 5} ; 5
\ln 8 ; 3\ln 2
\log_{10} 1000 ; 3
\cos(2x) ; 2\cos^2(x) - 1
\tan x ; \frac{\sin x}{\cos x}
2^{x+3} ; 8 \cdot 2^x
(x-2)(x-3) ; x^2-5x+6
k(k-1)/2 ; \frac{k^2-k}{2}
1+2i ; 2i+1
\frac{1+i}{\sqrt{2}} ; e^{i\pi/4}
\begin{bmatrix}1&2\\3&4\end{bmatrix} ; \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}
[[1,2],[3,4]] ; \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}
-\frac{3}{4}\pi ; -\frac{3\pi}{4}
3\pi/4 ; \frac{3\pi}{4}
135^{\circ} ; 135
135^\circ ; \frac{3\pi}{4}
2:30 ; 2:30
2:30 p.m. ; 14:30
3/4 cup ; 0.75
7 and 1/2 ; 7.5
2 and 3 ; 3 and 2
\frac{5}{8} of the cake ; 5/8
4{:}3 ; 4:3
1 : 2 : 3 ; 2:4:6
\text{(A)} ; A
A) ; A
\textbf{(B)} ; B
B \text{ } ; (B)
x+1 ; 1 + x
x^2y ; yx^2
\overline{AB} ; \overline{AB}
\triangle ABC ; \triangle ABC
\frac{2}{3}(x-1)^{3/2} ; \frac{2(x-1)\sqrt{x-1}}{3}
\sum_{k=1}^{n} k ; \frac{n(n+1)}{2}
\lim_{x\to 0} \frac{\sin x}{x} ; 1
\frac{d}{dx} x^2 ; 2x
20\% ; 20 ; By what percent did it increase?
\approx 3.14 ; 3.14
about 5 ; 5
100,000 ; 100000
0.1 + 0.2 ; 0.3
1/7 ; 0.\overline{142857}
2.9999... ; 3
(2, -3) ; (2,−3)
6.0 ; 6
six hundred ; 600
a dozen ; 12
1st ; first
100 \text{ cm}^3 ; 100 cubic centimeters
5 \times 4 ; 20
5 + 4 = 9 ; 9
3x = 12, x = 4 ; 4
\{x | x < 5\} ; (-\infty,5)
\{ x : x \ge 2 \} ; [2,\infty)
\mathbb{R} ; (-\infty, \infty)
x \neq \pm 1 ; (-\infty,-1)\cup(-1,1)\cup(1,\infty)
cos(x) ; \cos x
pi/2 ; \frac{\pi}{2}
2*pi ; 2\pi
5(x+2) ; 5x + 10
"""

DIFFERENT = r"""
0.5 ; 0.05
0.5 ; 5
1/2 ; 1/3
1/2 ; 2
3/2 ; 2/3
\frac{3}{4} ; \frac{4}{3}
2\frac{1}{2} ; \frac{1}{2}
2\frac{1}{3} ; \frac{2}{3}
3 ; -3
-3 ; 3
x=3 ; x=-3
x = 3 ; 4
x=1, y=2 ; x=2, y=1
1000 ; 100
1,000 ; 10000
1,234 ; 1,243
1.5 ; 1.05
18 ; 18.5
18.33 ; 18
17.5 ; 18
3.33 ; 3.34
1.41 ; 1.42
1.42 ; \sqrt{2}
3.15 ; \pi
0.3 ; 1/3
3 ; 3.33
3 ; \pi
10^3 ; 10^{-3}
1.5 \times 10^3 ; 1.5 \times 10^4
1e3 ; 1e-3
2^{10} ; 2^{11}
1/2^{99} ; 1/2^{98}
\frac{1}{2004!} ; \frac{1}{2006!}
\frac{2^{2005}+1}{3 \cdot 2^{2006}} ; \frac{1}{3 \cdot 2^{2006}}
1234567890123456789 ; 1234567890123456788
0.1234567 ; 0.1234571
1 - \frac{1}{e} ; 1 + \frac{1}{e}
\sqrt{2} + 10^{-40} ; \sqrt{2}
\sqrt{2} ; \sqrt{3}
\sqrt{2} ; 2
2\sqrt{3} ; 3\sqrt{2}
\sqrt{12} ; 3\sqrt{2}
\pi/4 ; 4\pi
\pi ; 2\pi
25\pi ; 25
5! ; 5
e^2 ; 2e
\log_2 8 ; \log_2 9
50% ; 0.05
50% ; 5
50 ; 0.5
50% ; 60%
50% ; 1/4
0.5% ; 0.05
$5 ; $6
$5 ; €5
50 cents ; $50
$0.50 ; 5 cents
5 kg ; 5 m
5 kg ; 5 s
5 cm ; 5 m
5 cm ; 5 cm^2
5 m^2 ; 5 m^3
1 m ; 10 cm
1.5 h ; 100 min
90 minutes ; 2 hours
1 hour 30 minutes ; 130 minutes
60 km/h ; 60 mph
100 °C ; 100 °F
5 apples ; 6 apples
5 hours ; 6
60^\circ ; 30^\circ
60^\circ ; \frac{\pi}{6}
(1,2) ; (2,1)
(1,2) ; (1,-2)
(1,2) ; (1,2,3)
(3,4) ; (3,5)
(1,2), (3,4) ; (1,2), (4,3)
[1,2] ; (1,2)
[1,2) ; (1,2]
(1,2] ; (1,2)
[0,1] ; [0,2]
(-\infty, 3) ; (-\infty, 3]
(3, \infty) ; (-\infty, 3)
(-\infty,1)\cup(2,\infty) ; (-\infty,1)\cup(1,\infty)
(-\infty,1)\cup(1,\infty) ; (-\infty,\infty)
]1,2[ ; [1,2]
x > 3 ; x < 3
x > 3 ; x \ge 3
x \ge 3 ; (3,\infty)
1 < x < 5 ; 1 \le x < 5
x < 1 or x > 2 ; x < 1
x \ne 1 ; x \ne 2
\{1,2\} ; \{1,2,3\}
\{1,2,3\} ; \{1,2\}
\{1,2\} ; \{1,3\}
1, 2 ; 1, 3
1, 2 ; 1
1 ; 1, 2
2 ; \pm 2
\pm 2 ; 2
\pm 2 ; \pm 3
n=2, 3, 4 ; n=1, 2, 3
19, 46, \text{ and } 82 ; 21, 36, and 82
D = (0, 1) ; D = (0, 1.5)
\begin{pmatrix} 1 \\ 2 \end{pmatrix} ; \begin{pmatrix} 2 \\ 1 \end{pmatrix}
\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} ; \begin{pmatrix} 1 & 3 \\ 2 & 4 \end{pmatrix}
\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} ; \begin{pmatrix} 1 & 2 & 3 & 4 \end{pmatrix}
x^2+1 ; (x+1)^2
x^2 - 1 ; x^2 + 1
a^2 + b^2 + c^2 ; a^2+b^2+c^2-4R^2
2x+1 ; 2x-1
2x + 3y ; 3x + 2y
x^2 ; x^3
x/y ; y/x
\sin x ; \cos x
e^x ; e^{-x}
2^{n} ; n^2
n(n+1)/2 ; n(n-1)/2
y = 2x + 1 ; y = 2x - 1
3x - y + 13 = 0 ; 3x + 4y + 14 = 0
x + y = 1 ; x - y = 1
x + 2y = 3 ; 2x + 4y = 7
2 + 3i ; 2 - 3i
2 + 3i ; 3 + 2i
i ; -i
i ; 1
4 - 20i ; 220
12:30 ; 12:03
12:00 ; 1:00
3:30 PM ; 3:30 AM
3:30 PM ; 4:30 PM
3:4 ; 4:3
3:4:5 ; 3:4
3:4 ; 0.8
1:2:3 ; 1:2:4
220_6 ; 221_6
220_6 ; 221
101_2 ; 6
Tuesday ; Wednesday
June ; July
yes ; no
true ; false
even ; odd
A ; B
\text{(C)} ; \text{(D)}
Evelyn ; Briana ; Evelyn, Carla and Briana ran a race. Who ran with the highest average speed?
ellipse ; hyperbola
no solution ; 5
\infty ; -\infty
\infty ; 5
5 ; no solution
all real numbers ; (0,\infty)
twenty-one ; 22
twelve ; 20
0.3 ; 0.333...
0.\overline{3} ; 0.\overline{6}
3rd ; 4th
2 dozen ; 2
3 million ; 3000
1.234,56 ; 1234.65
3,5 ; 3.6
0,25 ; 2.5
12,50 € ; 125
五十 ; 15
zweiundzwanzig ; 32
dix-sept ; 16
(\frac{2}{3},1)\cup(7,\infty) ; (\frac{2}{3},1]\cup(7,\infty)
9^9 ; 9^8
\frac{\sqrt{6}}{\sqrt{2}} ; 60
1320 km ; 1230
|x| ; -|x|
\frac{n}{n+1} ; \frac{n+1}{n}
\binom{5}{2} ; \binom{6}{2}
8; x^2/8 ; 8; x^2/4
1/\sqrt{3} ; \sqrt{3}
33\frac{1}{3}\% ; \frac{1}{4}
\frac{\pi}{6}, \frac{5\pi}{6} ; \frac{\pi}{6}, \frac{7\pi}{6}
x=1,\ y=2 ; (2,1)
(x,y) = (1,2) ; (2,1)
y = \frac{1}{2}x - 3 ; x - 2y = 5
x^2 + y^2 = 4 ; x^2 + y^2 = 2
(-5, \infty) ; x \ge -5
(-\infty, -2] \cup [2, \infty) ; x \le -2
[-2, 2] ; -2 < x < 2
0 \le \theta < 2\pi ; [0, 2\pi]
10\text{ cm/s} ; 10 \text{ m/s}
3.0 \times 10^8 ; 3.0 \times 10^7
fifty-two ; 53
\ln 8 ; 2\ln 3
135^\circ ; \frac{\pi}{4}
2:30 p.m. ; 2:30 a.m.
1 : 2 : 3 ; 3:2:1
\text{(A)} ; \text{(B)}
\sqrt{x} ; x
x^{-1} ; x
-x ; x
\frac{a}{b} ; \frac{b}{a}
a-b ; b-a
\{1, 2\} ; \{1, -2\}
\begin{pmatrix}1&2\\3&4\end{pmatrix} ; \begin{pmatrix}1&2\\3&5\end{pmatrix}
5 + 4 = 9 ; 8
3\pi/4 ; 4\pi/3
7 and 1/2 ; 7
2.5 ; 25
1,5 ; 2
100,000 ; 10,000
$1.50 ; $1.05
1:30 ; 1:03
20\% ; 2 ; By what percent did it increase?
-2 ; \sqrt{4}
\sqrt{16} ; 16
10^{-5} ; 10^{-6}
10^{-20} ; 10^{-21}
0.000001 ; 0.0000001
0 ; 10^{-30}
2^{100} ; 2^{100}+1
100! ; 100! + 1
\frac{1}{100!} ; 0
\sum_{k=1}^{n} k ; n^2
x \neq 1 ; x = 1
(2,3] ; [2,3)
5 minutes ; 5 hours
5 seconds ; 5 meters
5 cm ; 6
(1,2,3) ; (1,3,2)
\langle 1,2\rangle ; \langle 2,1 \rangle
17_8 ; 17_9
increasing ; decreasing
no ; yes
none ; 3
1/2, 1/3 ; 1/2, 1/4
$0,3,6,9, \ldots, 6048$ ; 5
n=2 ; n=3
3x+2 ; 3x-2
3.14159 ; 3.14160
22/7 ; \pi
1.618 ; \frac{1+\sqrt{3}}{2}
12 ; 12x
"""

UNDECIDED = r"""
0.33 ; 1/3
0.333 ; \frac{1}{3}
1.41 ; \sqrt{2}
3.14 ; \pi
10/3 ; 3.33
3.333 ; 3.33
3.3333 ; 3.333
66.7% ; 2/3
0.30000000000000004 ; 0.3
17.999999999999996 ; 18
1,000 ; 1
1.000 ; 1000
12.345 ; 12345
50% ; 50 ; How many apples are left?
5 apples ; 5 oranges
5 m ; 5 miles an hour
x = 3 ; y = 3
\sqrt{x^2} ; x
2\pi n ; 2\pi k
x ; y
N ; n
1/2x ; x/2
3, 5 ; 5, 3 ; Find a and b, respectively.
1, 1, 2 ; 1, 2
1,5 ; 5,1
220_6 ; 84
3:30 ; 3:30 PM
\{1,2\} ; (1,2)
x+y-z+1 ; x+y-z+1=0
10^{10^{10^{10}}} ; 10^{10^{10^{9}}}
(10^9)! ; (10^9)! + 1
car ; automobile
5 ; the proof is left to the reader
90 ; 1.5 h
100 ; 1 m
\sin 2x(3) ; 3\sin 2x
(x^2+1)^{1/3} ; \sqrt[3]{x^2+1} + C
1, 2, \ldots, n ; 1, 3, 5, \ldots, 2n-1
5 pounds ; £5
180 - x ; 180^\circ - x
$5k ; 5000
\log 100 ; 2
\log x ; \ln x
\cos(0,12) ; \cos(0)
x=1 y=2 ; x=2
1 2 ; 12
(1,,3) ; (1,3)
(1,2) ; x = 1 or x = 2
[1,2] ; 1 or 2
\{1,2\} ; x=1, y=2
2, 1 ; x=1, y=2
5K ; 5000
"""


def _pairs(block: str, truth: str) -> list[Pair]:
    made = []
    for line in block.strip().split("\n"):
        said, reference, *problem = line.split(" ; ")
        made.append(Pair(said, reference, problem[0] if problem else "", truth))
    return made


PAIRS = [*_pairs(EQUAL, "equal"), *_pairs(DIFFERENT, "different"), *_pairs(UNDECIDED, "undecided")]
