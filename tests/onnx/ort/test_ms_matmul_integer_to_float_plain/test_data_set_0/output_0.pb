By0J`аBwѕ*B“BВхB'1 Bр;Bчu#BЉ.BлвB{ѓ)B0*B“BЂ·"B\юQBiЮBї}BBQBй&!Byй
B`TюA‹э!B<ЅiBYхBffSB